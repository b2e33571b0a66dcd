// Each rule finds what it must and lets pass what it may.
#include "tests/tidy/rules.hpp"

#include <catch2/catch_test_macros.hpp>

#include <set>
#include <string>

using namespace troupe::tidy;

namespace {

std::string repeated(const std::string& line, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i)
    out += line;
  return out;
}

} // namespace

TEST_CASE("comments and literals are no code", "[tidy][source_text]") {
  auto text = make_source("runtime/a.cpp",
                          "int a; // sleep_for\n"
                          "auto b = \"sleep_for\" + 1'000;\n"
                          "auto c = R\"x(\nsleep_for\n)x\"; int d = '\\'';\n"
                          "/* sleep_for\n sleep_for */ int e;\n");
  REQUIRE(text.lines.size() == 7);
  REQUIRE(text.code.size() == 7);
  for (const auto& line : text.code)
    CHECK(line.find("sleep_for") == std::string::npos);
  CHECK(text.code[1].find("1'000;") != std::string::npos);
  CHECK(text.code[4].find("int d") != std::string::npos);
  CHECK(text.code[6].find("int e;") != std::string::npos);
}

TEST_CASE("an exception needs its rule and a reason", "[tidy][source_text]") {
  auto text = make_source("a.cpp", "a; // tidy: seams: the log's own clock\n"
                                   "b;\nc; // tidy: seams: \nd;\n"
                                   "e; // tidy: length: a table\n");
  CHECK(has_exception(text, 1, "seams"));
  CHECK(has_exception(text, 2, "seams"));
  CHECK_FALSE(has_exception(text, 3, "seams"));
  CHECK_FALSE(has_exception(text, 5, "seams"));
  CHECK(has_exception(text, 0, "length"));
}

TEST_CASE("long files are found", "[tidy][length]") {
  auto line = std::string{"int a;\n"};
  CHECK(check_length(make_source("a.hpp", repeated(line, 300))).empty());
  CHECK(check_length(make_source("a.hpp", repeated(line, 301))).size() == 1);
  CHECK(check_length(make_source("a.cpp", repeated(line, 500))).empty());
  CHECK(check_length(make_source("a.cpp", repeated(line, 501))).size() == 1);
  auto excused = "// tidy: length: one table\n" + repeated(line, 600);
  CHECK(check_length(make_source("a.cpp", excused)).empty());
}

TEST_CASE("long functions are found in all their forms", "[tidy][length]") {
  auto body = repeated("  a();\n", 59); // with head and end: 61 lines
  for (const std::string head :
       {"void f() {", "auto f() -> result<int> {",
        "bool c::f() const noexcept {", "c::c(int a) : a_{a}, b_(a) {",
        "c::c(int a) : a_{a}, b_{1} {",
        "class c {\n public:\n  void f(std::vector<int> x = {}) {",
        "namespace a {\nstruct b : c<int> {\nint d = 1;\nint f() override {",
        "template <class T>\nT f(T x) {",
        "TEST_CASE(\"a sentence\", \"[a][b]\") {"}) {
    INFO(head);
    auto found = check_length(make_source("a.cpp", head + "\n" + body + "}\n"));
    REQUIRE(found.size() == 1);
    CHECK(found[0].what.find("more than 60") != std::string::npos);
  }
}

TEST_CASE("what is no long function passes", "[tidy][length]") {
  auto lines = repeated("  a,\n", 100);
  for (const std::string head :
       {"enum class a {", "const int a[] = {", "constexpr std::array a{",
        "struct s {", "namespace n {", "auto x = f(1) + a{"}) {
    INFO(head);
    CHECK(
      check_length(make_source("a.cpp", head + "\n" + lines + "};\n")).empty());
  }
  auto short_one = "void f() {\n" + repeated("  a();\n", 58) + "}\n";
  CHECK(check_length(make_source("a.cpp", short_one + short_one)).empty());
}

TEST_CASE("make_behavior has a limit of its own", "[tidy][length]") {
  auto text = "b make_behavior() {\n" + repeated("  a();\n", 39) + "}\n";
  CHECK(check_length(make_source("a.cpp", text)).size() == 1);
}

TEST_CASE("file names that say nothing are found", "[tidy][names]") {
  for (const std::string bad :
       {"utils.hpp", "string_utils.cpp", "common.hpp", "job_manager.cpp",
        "parser2.hpp", "queue_new.cpp", "queue_old.cpp", "test_helpers.hpp"}) {
    INFO(bad);
    CHECK(check_names(make_source("runtime/" + bad, "")).size() == 1);
  }
  for (const std::string good : {"base32.hpp", "crc32c.cpp", "admission.hpp"}) {
    INFO(good);
    CHECK(check_names(make_source("runtime/" + good, "")).empty());
  }
}

TEST_CASE("brackets in the names of tests are found", "[tidy][names]") {
  auto found = [](const std::string& line) {
    return check_names(make_source("tests/a_test.cpp", line + "\n")).size();
  };
  CHECK(found("TEST_CASE(\"stays in [0, 1)\", \"[a]\") {") == 1);
  CHECK(found("TEST_CASE(\"stays below one; always\", \"[a][b]\") {") == 0);
}

TEST_CASE("actors neither block nor wait without end", "[tidy][actor]") {
  for (const std::string bad :
       {"self->request(a, caf::infinite, x);", "r.await([] {});",
        "std::mutex m;", "#include <caf/all.hpp>", "std::thread t;",
        "CAF_ALLOW_UNSAFE_MESSAGE_TYPE(x)"}) {
    INFO(bad);
    CHECK(check_actor(make_source("actors/a.cpp", bad + "\n")).size() == 1);
    CHECK(check_actor(make_source("runtime/a.cpp", bad + "\n")).empty());
    auto excused = bad + " // tidy: actor: why not\n";
    CHECK(check_actor(make_source("actors/a.cpp", excused)).empty());
  }
}

TEST_CASE("lambdas with captures are kept from coroutines",
          "[tidy][coroutine]") {
  for (const std::string bad :
       {"spawn([&x]() -> awaitable<void> { co_return; });",
        "spawn([this] { co_await f(); });",
        "co_await f([x](int) { return x; }, 1);",
        "auto y = co_await (a.f() || g([=] { return 1; }));"}) {
    INFO(bad);
    auto found = check_coroutine(make_source("gateway/a.cpp", bad + "\n"));
    CHECK_FALSE(found.empty());
  }
  for (const std::string good :
       {"spawn([]() -> awaitable<void> { co_return; });",
        "auto y = co_await f(a[1]); g([&] { return 1; });",
        "co_await f(buffer[i](2));", "g([&] { return 1; });\nco_return;"}) {
    INFO(good);
    CHECK(check_coroutine(make_source("gateway/a.cpp", good + "\n")).empty());
  }
}

TEST_CASE("co_await stands alone", "[tidy][coroutine]") {
  for (const std::string bad :
       {"while (co_await f()) {}", "if (!co_await f()) return;",
        "if (auto x = co_await f(); x) g();", "while (a && co_await f()) {}",
        "for (auto x : co_await f()) {}", "for (;\n     co_await f();) {}",
        "g(co_await f());", "g(1,\n  co_await f());",
        "auto x = (co_await f()).y;", "auto x = !co_await f();",
        "auto x = 1 + co_await f();", "x += co_await f();",
        "auto x = a[co_await f()];", "auto x = y == co_await f();",
        "switch (co_await f()) {}",
        "f([]() -> task<int> { co_return g(co_await h()); });"}) {
    INFO(bad);
    CHECK(check_coroutine(make_source("gateway/a.cpp", bad + "\n")).size()
          == 1);
    auto excused = "// tidy: coroutine: why not\n" + bad + "\n";
    if (bad.find('\n') == std::string::npos)
      CHECK(check_coroutine(make_source("gateway/a.cpp", excused)).empty());
  }
  for (const std::string good :
       {"co_await f();", "auto x = co_await f(g(1), h[2]);",
        "auto [a, b]\n    = co_await f();", "x = co_await f();",
        "co_return co_await f();", "bool x{co_await f()};",
        "if (a) co_await f();", "for (;;) {\n  co_await f();\n}",
        "if (a)\n  b();\nelse\n  co_await f();", "case 1: co_await f();",
        "f([]() -> task<void> { co_await g(); });",
        "g(\"co_await\"); // while (co_await f())"}) {
    INFO(good);
    CHECK(check_coroutine(make_source("gateway/a.cpp", good + "\n")).empty());
  }
}

TEST_CASE("tests do not wait by the clock", "[tidy][waits]") {
  for (const std::string bad :
       {"std::this_thread::sleep_for(1ms);", "auto t = system_clock::now();",
        "::usleep(10);", "tcp::endpoint e{address, 8080};"}) {
    INFO(bad);
    CHECK(check_waits(make_source("tests/a_test.cpp", bad + "\n")).size() == 1);
    CHECK(check_waits(make_source("runtime/a.cpp", bad + "\n")).empty());
  }
  CHECK(check_waits(
          make_source("tests/a_test.cpp", "tcp::endpoint e{address, 0};\n"))
          .empty());
}

TEST_CASE("clocks, entropy, files and sockets stay in seams", "[tidy][seams]") {
  for (const std::string bad :
       {"auto t = std::chrono::steady_clock::now();", "std::random_device r;",
        "std::thread t;", "std::ifstream in{p};", "auto fd = ::open(p, 0);",
        "auto s = ::socket(1, 2, 3);", "std::this_thread::sleep_for(x);",
        "if (::read(fd, p, n) < 0)"}) {
    INFO(bad);
    CHECK(check_seams(make_source("models/a.cpp", bad + "\n")).size() == 1);
    CHECK(check_seams(make_source("cluster/main.cpp", bad + "\n")).empty());
    auto excused = bad + " // tidy: seams: why\n";
    CHECK(check_seams(make_source("models/a.cpp", excused)).empty());
  }
  CHECK(check_seams(make_source("models/a.cpp", "store.open(p); a::open(b);\n"))
          .empty());
  // A seam to the disk is none to the clock.
  CHECK(check_seams(make_source("runtime/storage/a.cpp", "::open(p, 0);\n"))
          .empty());
  CHECK(check_seams(make_source("runtime/storage/a.cpp", "x_clock::now();\n"))
          .size()
        == 1);
}

TEST_CASE("a folder includes what is to its left", "[tidy][layers]") {
  auto found = [](const std::string& path, const std::string& include) {
    return check_layers(make_source(path, "#include " + include + "\n")).size();
  };
  CHECK(found("runtime/a.cpp", "\"models/engine.hpp\"") == 1);
  CHECK(found("models/a.cpp", "\"actors/job.hpp\"") == 1);
  CHECK(found("gateway/a.cpp", "\"cluster/node.hpp\"") == 1);
  CHECK(found("cluster/a.cpp", "\"tests/support/x.hpp\"") == 1);
  CHECK(found("cluster/a.cpp", "\"runtime/ids.hpp\"") == 0);
  CHECK(found("tests/a.cpp", "\"cluster/node.hpp\"") == 0);
}

TEST_CASE("a library stays where it is confined", "[tidy][layers]") {
  auto found = [](const std::string& path, const std::string& include) {
    return check_layers(make_source(path, "#include " + include + "\n")).size();
  };
  CHECK(found("runtime/storage/a.cpp", "<rocksdb/db.h>") == 0);
  CHECK(found("runtime/storage/a.hpp", "<rocksdb/db.h>") == 1);
  CHECK(found("models/torch_decoder.cpp", "<torch/torch.h>") == 0);
  CHECK(found("models/torch_decoder.hpp", "<torch/torch.h>") == 1);
  CHECK(found("models/engine_main.cpp", "<torch/torch.h>") == 1);
  CHECK(found("runtime/a.cpp", "<caf/actor.hpp>") == 1);
  CHECK(found("gateway/actor_port.cpp", "<caf/actor.hpp>") == 0);
  CHECK(found("gateway/listener.cpp", "<caf/actor.hpp>") == 1);
  CHECK(found("actors/a.cpp", "<caf/io/all.hpp>") == 1);
  CHECK(found("actors/a.cpp", "<boost/asio.hpp>") == 1);
  CHECK(found("runtime/http_client.cpp", "<boost/beast.hpp>") == 0);
  CHECK(found("runtime/scheduling/a.hpp", "\"runtime/rng.hpp\"") == 1);
  CHECK(found("runtime/overload/a.hpp", "<thread>") == 1);
  CHECK(found("runtime/scheduling/a.hpp", "<chrono>") == 0);
}

TEST_CASE("what is left to do names an issue", "[tidy][todo]") {
  CHECK(check_todo(make_source("a.cpp", "// TODO: later\n")).size() == 1);
  CHECK(check_todo(make_source("a.md", "FIXME\n")).size() == 1);
  CHECK(check_todo(make_source("a.cpp", "// TODO(#12): later\n")).empty());
  CHECK(check_todo(make_source("a.cpp", "mkdtemp(\"XXXXXX\");\n")).empty());
}

TEST_CASE("links and paths of the pages lead somewhere", "[tidy][docs]") {
  auto exists = [](const std::string& path) {
    return path == "docs/a.md" || path == "runtime/ids.hpp";
  };
  auto found = [&](const std::string& path, const std::string& line) {
    return check_docs(make_source(path, line + "\n"), exists).size();
  };
  CHECK(found("docs/b.md", "[a](a.md#part) `runtime/ids.hpp`") == 0);
  CHECK(found("README.md", "[a](docs/a.md), [x](https://example.org)") == 0);
  CHECK(found("docs/b.md", "[c](c.md)") == 1);
  CHECK(found("docs/b.md", "`runtime/gone.cpp`") == 1);
  CHECK(found("docs/adr/0001-x.md", "`runtime/gone.cpp`") == 0);
}

TEST_CASE("a source includes its own header first", "[tidy][self-contained]") {
  std::set<std::string> paths{"runtime/a.hpp"};
  auto found = [&](const std::string& path, const std::string& content) {
    return check_own_header_first(make_source(path, content), paths).size();
  };
  CHECK(found("runtime/a.cpp", "#include \"runtime/a.hpp\"\n") == 0);
  CHECK(
    found("runtime/a.cpp", "#include <string>\n#include \"runtime/a.hpp\"\n")
    == 1);
  CHECK(found("runtime/a.cpp", "int a;\n") == 1);
  CHECK(found("runtime/b.cpp", "#include <string>\n") == 0);
}

TEST_CASE("a source that is in no list is found", "[tidy][lists]") {
  auto tree = [](const std::string& list) {
    return std::vector{make_source("runtime/CMakeLists.txt", list),
                       make_source("runtime/a/b.cpp", "")};
  };
  CHECK(check_source_lists(tree("x(SOURCES\n  a/b.cpp)\n")).empty());
  CHECK(check_source_lists(tree("x(SOURCES\n  c/a/b.cpp)\n")).size() == 1);
  CHECK(check_source_lists(tree("")).size() == 1);
}
