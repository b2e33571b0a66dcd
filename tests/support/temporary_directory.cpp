#include "tests/support/temporary_directory.hpp"

#include <stdlib.h>

#include <stdexcept>
#include <system_error>

namespace troupe::tests {

temporary_directory::temporary_directory() {
  auto name =
    (std::filesystem::temp_directory_path() / "troupe-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr)
    throw std::runtime_error("mkdtemp " + name);
  path_ = name;
}

temporary_directory::~temporary_directory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

} // namespace troupe::tests
