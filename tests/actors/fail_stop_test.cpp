// A store that fails stops the node before anybody is told anything.
#include "tests/support/powered_store.hpp"
#include "tests/support/virtual_node.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace troupe;

namespace {

tests::virtual_node_options two_shards() {
  tests::virtual_node_options options;
  options.tree.shards = 2;
  return options;
}

} // namespace

TEST_CASE("a commit that fails stops the node and answers nobody",
          "[actors][journal]") {
  tests::powered_store store;
  tests::virtual_node node{store, two_shards()};
  REQUIRE(node.settle());
  store.cut_at(0, false);
  auto to = node.ticket();
  runtime::job_spec spec;
  spec.model = "sim";
  node.port().submit(std::move(spec), {}, to);
  CHECK_FALSE(node.settle());
  CHECK(node.fatal() == 11);
  CHECK(node.sink().last<runtime::job_accepted>(to.ticket) == nullptr);
}

TEST_CASE("a store that fails while the shards open stops the node",
          "[actors][journal]") {
  tests::powered_store store;
  store.cut_now();
  tests::virtual_node node{store, two_shards()};
  CHECK_FALSE(node.settle());
  CHECK(node.fatal() == 11);
  CHECK(node.env().board.shards_ready == 0);
}
