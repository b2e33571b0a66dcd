// The checked rules of the code. Each takes one file or the whole tree and says
// where it is broken. A rule that knows exceptions leaves out the lines that
// have one.
#pragma once

#include "tests/tidy/source_text.hpp"

#include <functional>
#include <set>
#include <vector>

namespace troupe::tidy {

/// Header 300, source 500, function 60, `make_behavior` 40 lines.
findings check_length(const source_text& text);

/// No `utils`, `helpers`, `common`, `misc`, `manager`; no `2`, `_new`, `_old`.
/// No bracket in the name of a test: ctest would take several tests for one.
findings check_names(const source_text& text);

/// In `actors/`: nothing that blocks, waits without end or hides a message.
findings check_actor(const source_text& text);

/// No lambda with captures is a coroutine or stands in a `co_await` expression;
/// `co_await` is a statement, a whole initialiser or a whole `co_return`.
findings check_coroutine(const source_text& text);

/// In tests: no sleep, wall clock or fixed port. Benchmarks may wait.
findings check_waits(const source_text& text);

/// Clocks, entropy, threads, sleeps, files and sockets only in their seams.
findings check_seams(const source_text& text);

/// A folder includes folders to its left, and only the libraries it may.
findings check_layers(const source_text& text);

/// What is left to do names an issue.
findings check_todo(const source_text& text);

/// Links in Markdown lead to a file of the tree; so do the source paths that
/// the pages name (not the decision records: they tell of their time).
/// `exists` is asked with paths from the root.
findings check_docs(const source_text& text,
                    const std::function<bool(const std::string&)>& exists);

/// A source includes the header of its name first, which proves that this
/// header compiles alone. `paths` are all paths of the tree.
findings check_own_header_first(const source_text& text,
                                const std::set<std::string>& paths);

/// Every source stands in the CMakeLists.txt of its top folder.
findings check_source_lists(const std::vector<source_text>& tree);

} // namespace troupe::tidy
