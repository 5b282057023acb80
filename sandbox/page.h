// The chat page: page.html, page.css and page.js of this folder, built into the program.
#pragma once

#include <string_view>

namespace modhost::sandbox {

extern const std::string_view kPageHtml;
extern const std::string_view kPageCss;
extern const std::string_view kPageJs;

}  // namespace modhost::sandbox
