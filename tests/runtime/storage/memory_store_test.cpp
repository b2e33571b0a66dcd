#include "runtime/storage/memory_store.hpp"
#include "tests/runtime/storage/store_reading_suite.hpp"

#include <catch2/catch_test_macros.hpp>

#include <memory>

using namespace troupe;
using namespace troupe::tests;

namespace {

class memory_host final : public store_host {
public:
  runtime::store& get() override { return *store_; }
  void restart() override {
    store_ = std::make_unique<runtime::memory_store>(store_->contents());
  }

private:
  std::unique_ptr<runtime::memory_store> store_ =
    std::make_unique<runtime::memory_store>();
};

} // namespace

TEST_CASE("the memory store does what every store must do",
          "[runtime][storage]") {
  for (const auto suite : {store_suite(), store_reading_suite()})
    for (const auto& x : suite)
      DYNAMIC_SECTION(x.name) {
        memory_host host;
        x.run(host);
      }
}

TEST_CASE("the memory store says what it is", "[runtime][storage]") {
  const runtime::memory_store store;
  CHECK(store.health().kind == "memory");
  CHECK(store.health().durability == "none");
}
