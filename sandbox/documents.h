// Documents: the .md and .txt files of a folder, cut into the passages that search finds.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "host/base/clock.h"

namespace modhost::sandbox {

// A passage is about as long as what a language model is usually given at once.
inline constexpr std::size_t kPassageBytesMax = 1200;
// A larger file is no prose; it is left out and named in `skipped`.
inline constexpr std::size_t kDocumentBytesMax = 8 * 1024 * 1024;
inline constexpr std::size_t kDocumentsMax = 100'000;

struct Document {
  std::string key;    // the path below the folder, with '/'
  std::string title;  // the first heading, else the file's name without its ending
  host::WallTime changed_at{};
  std::vector<std::string> passages;  // in the order of the text; valid UTF-8, never empty
};

struct Folder {
  std::vector<Document> documents;   // sorted by key
  std::vector<std::string> skipped;  // "key: why", for the operator
};

// Reads the folder and its sub-folders. Hidden names and symbolic links to folders are not
// followed. Throws host::StartupError when `root` is not a folder that can be read; one bad file
// never stops the rest.
Folder readFolder(const std::filesystem::path& root);

// Cuts a text at its headings, then at its paragraphs, then (only where one paragraph is too long)
// at a space. Each passage begins with the heading it stands under and is at most kPassageBytesMax
// long. A heading inside a ``` fence is text.
std::vector<std::string> cutIntoPassages(std::string_view text);

// The text of the first heading; empty when there is none.
std::string firstHeading(std::string_view text);

}  // namespace modhost::sandbox
