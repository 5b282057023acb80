// The chat page: the files of sandbox/page/ and the library it uses, built into the program.
#pragma once

#include <string>
#include <string_view>

namespace modhost::sandbox {

struct PageFile {
  std::string_view path;  // "/page.css"; "/" is the page itself
  const char* content_type;
  std::string_view bytes;
};

// nullptr: the page has no such file.
const PageFile* pageFileAt(const std::string& path);

}  // namespace modhost::sandbox
