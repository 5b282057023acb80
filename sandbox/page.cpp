#include "sandbox/page.h"

#include <algorithm>
#include <iterator>

#include "page_files.h"  // made by CMake: one string_view per file

namespace modhost::sandbox {
namespace {

constexpr const char* kHtml = "text/html; charset=utf-8";
constexpr const char* kCss = "text/css; charset=utf-8";
constexpr const char* kScript = "text/javascript; charset=utf-8";

constexpr PageFile kFiles[] = {
    {"/", kHtml, page_files::kIndexHtml},
    {"/page.css", kCss, page_files::kPageCss},
    {"/icon.svg", "image/svg+xml", page_files::kIconSvg},
    {"/page.js", kScript, page_files::kPageJs},
    {"/dom.js", kScript, page_files::kDomJs},
    {"/markdown.js", kScript, page_files::kMarkdownJs},
    {"/messages.js", kScript, page_files::kMessagesJs},
    {"/document.js", kScript, page_files::kDocumentJs},
    {"/trace.js", kScript, page_files::kTraceJs},
    {"/marked.js", kScript, page_files::kMarkedJs},
};

}  // namespace

const PageFile* pageFileAt(const std::string& path) {
  const auto* found = std::find_if(std::begin(kFiles), std::end(kFiles),
                                   [&](const PageFile& file) { return file.path == path; });
  return found == std::end(kFiles) ? nullptr : found;
}

}  // namespace modhost::sandbox
