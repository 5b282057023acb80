#include "sandbox/documents.h"

#include <algorithm>
#include <fstream>
#include <functional>
#include <system_error>

#include "host/base/startup_error.h"
#include "sandbox/text.h"

namespace modhost::sandbox {
namespace {

namespace fs = std::filesystem;

// A heading has to leave room for the text under it.
constexpr std::size_t kHeadingBytesMax = kPassageBytesMax / 4;

bool isHeading(std::string_view line) {
  const std::size_t level = line.find_first_not_of('#');
  return level != std::string_view::npos && level >= 1 && level <= 6 && line[level] == ' ';
}

bool isFence(std::string_view line) { return line.starts_with("```") || line.starts_with("~~~"); }

// Calls `take(line, in_fence)` with every line, without its line end.
void eachLine(std::string_view text, const std::function<void(std::string_view, bool)>& take) {
  bool fenced = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    if (line.ends_with('\r')) line.remove_suffix(1);
    const bool fence = isFence(trimmed(line));
    take(line, fenced || fence);
    fenced = fenced != fence;
    at = end + 1;
  }
}

// Where to cut `text` so that the first part has at most `bytes_max`: after the last space, if
// there is one.
std::size_t cutPoint(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text.size();
  const std::size_t space = text.find_last_of(" \n\t", bytes_max);
  if (space != std::string_view::npos && space > 0) return space;
  return codePointBoundary(text, bytes_max);
}

// Gathers lines into paragraphs and paragraphs into passages under the current heading.
class Cutter {
 public:
  void addLine(std::string_view line, bool fenced) {
    if (!fenced && isHeading(line)) return startSection(line);
    if (!fenced && trimmed(line).empty()) return endParagraph();
    paragraph_.append(paragraph_.empty() ? "" : "\n").append(line);
  }

  std::vector<std::string> finish() {
    endPassage();
    // A text of headings alone is still worth finding.
    if (passages_.empty() && !heading_.empty()) passages_.push_back(heading_);
    return std::move(passages_);
  }

 private:
  void startSection(std::string_view line) {
    endPassage();
    const std::string_view heading = trimmed(line);
    heading_ = heading.substr(0, codePointBoundary(heading, kHeadingBytesMax));
  }

  void endParagraph() {
    std::string_view rest = trimmed(paragraph_);
    if (!rest.empty() && passage_.size() + 2 + rest.size() > room()) flush();
    while (!rest.empty()) {
      const std::size_t cut = cutPoint(rest, room());
      passage_.append(passage_.empty() ? "" : "\n\n").append(rest.substr(0, cut));
      rest = trimmed(rest.substr(cut));
      if (!rest.empty()) flush();
    }
    paragraph_.clear();
  }

  void endPassage() {
    endParagraph();
    flush();
  }

  void flush() {
    if (passage_.empty()) return;
    passages_.push_back(heading_.empty() ? passage_ : heading_ + "\n\n" + passage_);
    passage_.clear();
  }

  std::size_t room() const {
    return kPassageBytesMax - (heading_.empty() ? 0 : heading_.size() + 2);
  }

  std::string heading_, paragraph_, passage_;
  std::vector<std::string> passages_;
};

bool isDocument(const fs::path& file) {
  const std::string ending = file.extension().string();
  return ending == ".md" || ending == ".txt";
}

bool isHidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

host::WallTime changedAt(const fs::path& file) {
  std::error_code error;
  const auto time = fs::last_write_time(file, error);
  if (error) return {};
  return std::chrono::time_point_cast<host::Milliseconds>(std::chrono::file_clock::to_sys(time));
}

// Empty `why`: the text was read.
std::string readText(const fs::path& file, std::string& why) {
  std::ifstream stream(file, std::ios::binary);
  std::string text(kDocumentBytesMax + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(stream.gcount(), 0)));
  if (!stream.is_open() || stream.bad()) why = "cannot be read";
  if (text.size() > kDocumentBytesMax) why = "larger than 8 MiB";
  if (text.find('\0') != std::string::npos) why = "holds NUL bytes, so it is not text";
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  return validUtf8(text);
}

void addFile(const fs::path& file, const std::string& key, Folder& folder) {
  std::string why;
  const std::string text = readText(file, why);
  if (why.empty() && folder.documents.size() == kDocumentsMax)
    why = "over the limit of 100000 files";
  if (!why.empty()) {
    folder.skipped.push_back(key + ": " + why);
    return;
  }
  Document document{key, firstHeading(text), changedAt(file), cutIntoPassages(text)};
  if (document.title.empty()) document.title = validUtf8(file.stem().string());
  if (!document.passages.empty()) folder.documents.push_back(std::move(document));
}

// A FIFO or a device with the right ending would block the reader: only regular files are opened.
void visit(fs::recursive_directory_iterator& at, const fs::path& root, Folder& folder) {
  std::error_code error;
  if (isHidden(at->path())) {
    if (at->is_directory(error)) at.disable_recursion_pending();
    return;
  }
  if (!isDocument(at->path()) || !at->is_regular_file(error)) return;
  addFile(at->path(), validUtf8(at->path().lexically_relative(root).generic_string()), folder);
}

}  // namespace

std::vector<std::string> cutIntoPassages(std::string_view text) {
  Cutter cutter;
  eachLine(text, [&](std::string_view line, bool fenced) { cutter.addLine(line, fenced); });
  return cutter.finish();
}

std::string firstHeading(std::string_view text) {
  std::string heading;
  eachLine(text, [&](std::string_view line, bool fenced) {
    if (!heading.empty() || fenced || !isHeading(line)) return;
    const std::string_view words = trimmed(line.substr(line.find_first_not_of('#')));
    heading = words.substr(0, codePointBoundary(words, kHeadingBytesMax));
  });
  return heading;
}

Folder readFolder(const fs::path& root) {
  std::error_code error;
  fs::recursive_directory_iterator at(root, fs::directory_options::skip_permission_denied, error);
  if (error) {
    throw host::StartupError(root.string(),
                             error.message() + "; expected a folder with .md and .txt files");
  }
  Folder folder;
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    visit(at, root, folder);
  }
  if (error) folder.skipped.push_back("reading ended early: " + error.message());
  std::sort(folder.documents.begin(), folder.documents.end(),
            [](const Document& a, const Document& b) { return a.key < b.key; });
  return folder;
}

}  // namespace modhost::sandbox
