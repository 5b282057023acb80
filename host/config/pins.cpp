// The tree says where an id or a sum stands (yaml_tree.h keeps the place of every value); the change
// is made in the text, from the last place to the first. Then the new text is parsed, and must be
// the old tree with the sums in it: whatever notation was not foreseen is refused, not damaged.
#include "host/config/pins.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

#include "host/base/fd.h"
#include "host/base/startup_error.h"
#include "host/config/text_file.h"
#include "host/config/variables.h"
#include "host/config/yaml_tree.h"

namespace modhost::host {
namespace {

using Kind = YamlNode::Kind;

constexpr char kSum[] = "sha256";

struct Edit {
  std::size_t at = 0, remove = 0;
  std::string insert;
};

std::size_t offsetOf(const std::string& text, const Mark& mark) {
  std::size_t line = 0;
  for (int i = 1; i < mark.line; ++i) line = text.find('\n', line) + 1;
  return line + static_cast<std::size_t>(mark.column) - 1;
}

// What a scalar on one line takes in the text, its quotes included.
std::size_t lengthAt(const std::string& text, std::size_t at, const YamlNode& scalar) {
  const char quote = at < text.size() ? text[at] : ' ';
  if (quote != '"' && quote != '\'') return scalar.written.size();
  const std::size_t end = text.find(quote, at + 1);
  return end == std::string::npos ? 0 : end - at + 1;
}

Edit editFor(const std::string& text, const YamlNode& entry, const YamlMember& id,
             const std::string& sum) {
  const YamlNode* pinned = entry.find(kSum);
  if (pinned != nullptr && pinned->kind == Kind::kScalar) {
    const std::size_t at = offsetOf(text, pinned->mark);
    return {at, lengthAt(text, at, *pinned), sum};
  }
  const std::size_t at = offsetOf(text, id.value.mark);
  const std::size_t behind = at + lengthAt(text, at, id.value);
  if (entry.flow) return {behind, 0, std::string(", ") + kSum + ": " + sum};
  const std::size_t line_end = std::min(text.find('\n', behind), text.size());
  const std::string indent(static_cast<std::size_t>(id.key_mark.column) - 1, ' ');
  return {line_end, 0, "\n" + indent + kSum + ": " + sum};
}

YamlNode withSum(YamlNode entry, const std::string& sum) {
  YamlNode node;
  node.kind = Kind::kScalar;
  node.written = node.text = sum;
  const auto found = std::find_if(entry.members.begin(), entry.members.end(),
                                  [](const YamlMember& member) { return member.key == kSum; });
  if (found != entry.members.end()) {
    found->value = node;
  } else {
    entry.members.push_back({kSum, {}, node});
  }
  return entry;
}

bool same(const YamlNode& a, const YamlNode& b) {
  if (a.kind != b.kind || a.written != b.written || a.items.size() != b.items.size() ||
      a.members.size() != b.members.size())
    return false;
  const bool members = std::all_of(a.members.begin(), a.members.end(), [&](const YamlMember& one) {
    const YamlNode* other = b.find(one.key);
    return other != nullptr && same(one.value, *other);
  });
  return members && std::equal(a.items.begin(), a.items.end(), b.items.begin(), same);
}

std::string folderOf(const std::string& file) {
  return std::filesystem::absolute(file).lexically_normal().parent_path().string();
}

// A member's text with its variables filled in.
std::string memberText(const YamlNode& entry, const char* key, Variables& variables) {
  const YamlNode* member = entry.find(key);
  if (member == nullptr) return "";
  YamlNode filled = *member;
  variables.fill(filled);
  return filled.text;
}

class Pinning {
 public:
  Pinning(const std::string& file, const std::string& text)
      : file_(file), text_(text), folder_(folderOf(file)), variables_(file, folder_) {
    tree_ = parseYaml(file, text);
  }

  std::string pinned(const Pins& pins) {
    YamlNode wanted = tree_;
    for (const Pin& pin : pins) {
      const std::size_t at = placeOf(pin);
      add(entriesOf(tree_)[at], entriesOf(wanted)[at], pin.sum);
    }
    const std::string result = apply();
    if (!isTree(result, wanted)) {
      throw StartupError(file_,
                         "modules is written in a way that cannot be pinned without changing "
                         "more; accepted: sha256 of each entry written there by hand");
    }
    return result;
  }

 private:
  // What is wrong with a text that nobody has seen is told to nobody.
  bool isTree(const std::string& text, const YamlNode& tree) const {
    try {
      return same(parseYaml(file_, text), tree);
    } catch (const StartupError&) {
      return false;
    }
  }

  static std::vector<YamlNode>& entriesOf(YamlNode& tree) {
    static std::vector<YamlNode> none;
    const auto found =
        std::find_if(tree.members.begin(), tree.members.end(),
                     [](const YamlMember& member) { return member.key == "modules"; });
    return found == tree.members.end() ? none : found->value.items;
  }

  // An entry without a path is found in modules_dir by its id.
  bool isFor(const Pin& pin, const YamlNode& entry) {
    if (memberText(entry, "id", variables_) != pin.id) return false;
    const std::string path = memberText(entry, "path", variables_);
    return path.empty() || (std::filesystem::path(folder_) / path).lexically_normal() == pin.path;
  }

  std::size_t placeOf(const Pin& pin) {
    const std::vector<YamlNode>& entries = entriesOf(tree_);
    const auto found = std::find_if(entries.begin(), entries.end(),
                                    [&](const YamlNode& entry) { return isFor(pin, entry); });
    if (found != entries.end()) return static_cast<std::size_t>(found - entries.begin());
    throw StartupError(file_, "was edited while its modules were summed: module " + pin.id +
                                  " has another path now, or is gone; accepted: the same again");
  }

  void add(const YamlNode& entry, YamlNode& wanted, const std::string& sum) {
    const YamlNode* old = entry.find(kSum);
    if (old != nullptr && old->written == sum) return;
    if (old != nullptr && old->written.find("${") != std::string::npos) {
      throw StartupError(placeText(file_, old->mark),
                         "sha256 comes from a variable; accepted: one that stands here");
    }
    const auto id = std::find_if(entry.members.begin(), entry.members.end(),
                                 [](const YamlMember& member) { return member.key == "id"; });
    if (id == entry.members.end()) return;
    edits_.push_back(editFor(text_, entry, *id, sum));
    wanted = withSum(wanted, sum);
  }

  std::string apply() {
    std::sort(edits_.begin(), edits_.end(),
              [](const Edit& a, const Edit& b) { return a.at > b.at; });
    std::string result = text_;
    for (const Edit& edit : edits_) {
      if (edit.at + edit.remove <= result.size()) result.replace(edit.at, edit.remove, edit.insert);
    }
    return result;
  }

  const std::string& file_;
  const std::string& text_;
  const std::string folder_;
  Variables variables_;
  YamlNode tree_;
  std::vector<Edit> edits_;
};

[[noreturn]] void refuseByErrno(const std::string& path) {
  throw StartupError(path, "cannot be written (" + std::generic_category().message(errno) +
                               "); accepted: a folder and file that this user may replace");
}

bool writeAll(int fd, const std::string& text) {
  std::size_t written = 0;
  while (written < text.size()) {
    const ssize_t size = ::write(fd, text.data() + written, text.size() - written);
    if (size < 0 && errno != EINTR) return false;
    if (size > 0) written += static_cast<std::size_t>(size);
  }
  return true;
}

void syncFolder(const std::string& file) {
  const std::string folder = std::filesystem::path(file).parent_path().string();
  const Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.valid()) ::fsync(fd.get());
}

void replaceFile(const std::string& file, const std::string& text) {
  std::string path = file + ".XXXXXX";
  const Fd fd(::mkostemp(path.data(), O_CLOEXEC));
  if (!fd.valid()) refuseByErrno(path);
  struct stat status {};
  const bool done = ::stat(file.c_str(), &status) == 0 &&
                    ::fchown(fd.get(), status.st_uid, status.st_gid) == 0 &&
                    ::fchmod(fd.get(), status.st_mode & 07777u) == 0 && writeAll(fd.get(), text) &&
                    ::fsync(fd.get()) == 0 && ::rename(path.c_str(), file.c_str()) == 0;
  if (!done) {
    const int error = errno;
    ::unlink(path.c_str());
    errno = error;
    refuseByErrno(file);
  }
  syncFolder(file);
}

}  // namespace

std::string pinnedText(const std::string& file, const std::string& text, const Pins& pins) {
  return Pinning(file, text).pinned(pins);
}

bool pinModules(const std::string& file, const Pins& pins) {
  std::error_code error;
  const std::string real = std::filesystem::canonical(file, error).string();
  if (error) throw StartupError(file, "cannot be read: " + error.message());
  const std::string before = readTextFile(real, kYamlFileBytesMax).text;
  const std::string after = pinnedText(file, before, pins);
  if (after == before) return false;
  replaceFile(real, after);
  return true;
}

}  // namespace modhost::host
