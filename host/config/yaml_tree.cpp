// yaml-cpp's parser reports events (a map starts, a scalar, a map ends); the Composer below builds
// the tree from them. Building it here rather than walking yaml-cpp's own nodes has three gains: a
// limit stops the parser at the event that passes it, duplicate keys are still visible, and a
// scalar keeps its spelling.
#include "host/config/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>
#include <utility>

#include "host/base/startup_error.h"
#include "host/config/text.h"

namespace modhost::host {

namespace {

Mark markOf(const YAML::Mark& mark) {
  if (mark.is_null()) return {};
  return {mark.line + 1, mark.column + 1};
}

class Composer final : public YAML::EventHandler {
 public:
  explicit Composer(const std::string& file) : file_(file) {}

  YamlNode take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ > 0)
      refuse(markOf(mark), "a second document; accepted: one document per file");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(newNode(YamlNode::Kind::kNull, mark), anchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuseBrokenEscape(markOf(mark), value);
    if (awaitsKey()) return takeKey(markOf(mark), value, tag != "?");
    refuseTag(mark, tag);
    YamlNode node = newNode(YamlNode::Kind::kScalar, mark);
    node.quoted = tag != "?" && !tag.empty();
    node.written = value;
    node.text = value;
    chargeText(node.mark, value.size());
    add(std::move(node), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (awaitsKey()) refuse(markOf(mark), "an alias for a key; accepted: a name");
    const auto found = anchored_.find(anchor);
    if (found == anchored_.end()) refuse(markOf(mark), "an alias to a node that holds it");
    chargeCopy(markOf(mark), found->second, openDepth());
    add(found->second, 0);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    refuseTag(mark, tag);
    open(newNode(YamlNode::Kind::kList, mark), anchor);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    refuseTag(mark, tag);
    YamlNode node = newNode(YamlNode::Kind::kMap, mark);
    node.flow = style == YAML::EmitterStyle::Flow;
    open(std::move(node), anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  // A list or map whose end has not come yet.
  struct Open {
    YamlNode node;
    YAML::anchor_t anchor = 0;
    std::optional<std::pair<std::string, Mark>> key;  // of a map: read, its value not yet
    std::map<std::string, Mark> keys;
  };

  [[noreturn]] void refuse(const Mark& mark, const std::string& what) const {
    throw StartupError(placeText(file_, mark), what);
  }

  // yaml-cpp makes one byte of these two, which is no UTF-8; the file itself was checked before.
  void refuseBrokenEscape(const Mark& mark, const std::string& text) const {
    if (utf8ErrorAt(text) == std::string::npos) return;
    refuse(mark, R"(the escape \N or \_; accepted: \u0085 or \u00a0)");
  }

  void refuseTag(const YAML::Mark& mark, const std::string& tag) const {
    static const std::string kStandard = "tag:yaml.org,2002:";
    if (tag.empty() || tag == "?" || tag == "!") return;
    for (const char* known : {"str", "seq", "map"}) {
      if (tag == kStandard + known) return;
    }
    refuse(markOf(mark), "the tag " + quotedStart(tag) + "; accepted: no tags but !!str");
  }

  YamlNode newNode(YamlNode::Kind kind, const YAML::Mark& mark) {
    if (awaitsKey()) refuse(markOf(mark), "a key that is no text; accepted: a name");
    YamlNode node;
    node.kind = kind;
    node.mark = markOf(mark);
    chargeNode(node.mark);
    return node;
  }

  void chargeNode(const Mark& mark) {
    if (++nodes_ > kYamlNodesMax) {
      refuse(mark, "more than " + std::to_string(kYamlNodesMax) + " values, aliases included");
    }
  }

  void chargeText(const Mark& mark, std::size_t bytes) {
    text_bytes_ += bytes;
    if (text_bytes_ > kYamlTextBytesMax) {
      refuse(mark,
             "more than " + std::to_string(kYamlTextBytesMax) + " bytes of text, aliases included");
    }
  }

  void chargeDepth(const Mark& mark, std::size_t depth) const {
    if (depth > std::size_t{kYamlDepthMax}) {
      refuse(mark, "nested deeper than " + std::to_string(kYamlDepthMax) + " levels");
    }
  }

  // Pays for a copy before it is made, so that aliases of aliases stop at the limit and not at the
  // memory.
  void chargeCopy(const Mark& mark, const YamlNode& node, std::size_t depth) {
    chargeNode(mark);
    chargeText(mark, node.written.size());
    const bool nested = node.kind == YamlNode::Kind::kList || node.kind == YamlNode::Kind::kMap;
    if (nested) chargeDepth(mark, depth + 1);
    for (const YamlNode& item : node.items) chargeCopy(mark, item, depth + 1);
    for (const YamlMember& member : node.members) {
      chargeText(mark, member.key.size());
      chargeCopy(mark, member.value, depth + 1);
    }
  }

  std::size_t openDepth() const { return open_.size(); }

  bool awaitsKey() const {
    return !open_.empty() && open_.back().node.kind == YamlNode::Kind::kMap && !open_.back().key;
  }

  void takeKey(const Mark& mark, const std::string& key, bool quoted) {
    if (key == "<<" && !quoted) refuse(mark, "the merge key <<; accepted: the keys written out");
    chargeText(mark, key.size());
    const auto [earlier, fresh] = open_.back().keys.emplace(key, mark);
    if (!fresh) {
      refuse(mark, "the key " + quotedStart(key) + " stands here a second time, first at " +
                       placeText(file_, earlier->second) + "; accepted: each key once");
    }
    open_.back().key.emplace(key, mark);
  }

  void open(YamlNode node, YAML::anchor_t anchor) {
    chargeDepth(node.mark, openDepth() + 1);
    open_.push_back({std::move(node), anchor, std::nullopt, {}});
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    add(std::move(done.node), done.anchor);
  }

  void add(YamlNode node, YAML::anchor_t anchor) {
    if (anchor != 0) {
      chargeCopy(node.mark, node, openDepth());
      anchored_[anchor] = node;
    }
    if (open_.empty()) {
      root_ = std::move(node);
    } else if (open_.back().node.kind == YamlNode::Kind::kList) {
      open_.back().node.items.push_back(std::move(node));
    } else {
      auto [key, mark] = *std::exchange(open_.back().key, std::nullopt);
      open_.back().node.members.push_back({std::move(key), mark, std::move(node)});
    }
  }

  const std::string& file_;
  YamlNode root_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, YamlNode> anchored_;
  int documents_ = 0;
  std::size_t nodes_ = 0;
  std::size_t text_bytes_ = 0;
};

// Where byte `offset` of `text` stands.
Mark markAt(const std::string& text, std::size_t offset) {
  const std::string_view before(text.data(), offset);
  const std::size_t line_start =
      before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  const auto lines = std::count(before.begin(), before.end(), '\n');
  return {static_cast<int>(lines) + 1, static_cast<int>(offset - line_start) + 1};
}

void refuseBytes(const std::string& file, const std::string& text) {
  if (text.size() > kYamlFileBytesMax) {
    throw StartupError(file, "more than " + std::to_string(kYamlFileBytesMax) + " bytes");
  }
  const std::size_t bad = std::min(text.find('\0'), utf8ErrorAt(text));
  if (bad < text.size()) {
    throw StartupError(placeText(file, markAt(text, bad)),
                       "a byte that is no text; accepted: UTF-8");
  }
}

bool tabIndents(const std::string& text, const Mark& mark) {
  std::istringstream lines(text);
  std::string line;
  for (int i = 0; i < mark.line; ++i) std::getline(lines, line);
  return line.substr(0, line.find_first_not_of(" \t")).find('\t') != std::string::npos;
}

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  const auto found = std::find_if(members.begin(), members.end(),
                                  [&](const YamlMember& member) { return member.key == key; });
  return found == members.end() ? nullptr : &found->value;
}

std::string placeText(const std::string& file, const Mark& mark) {
  return file + ":" + std::to_string(mark.line) + ":" + std::to_string(mark.column);
}

YamlNode parseYaml(const std::string& file, const std::string& text) {
  refuseBytes(file, text);
  Composer composer(file);
  try {
    std::istringstream in(text);
    YAML::Parser parser(in);
    while (parser.HandleNextDocument(composer)) {
    }
  } catch (const YAML::Exception& error) {
    const Mark mark = markOf(error.mark);
    const bool tab = tabIndents(text, mark);
    throw StartupError(placeText(file, mark),
                       tab ? "a tab in the indentation; accepted: spaces"
                           : "not YAML: " + plainStart(error.msg) + "; accepted: YAML 1.2");
  }
  return composer.take();
}

}  // namespace modhost::host
