#include "host/config/variables.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "host/base/startup_error.h"
#include "host/config/dot_env.h"
#include "host/config/text.h"
#include "host/config/text_file.h"

namespace modhost::host {

namespace {

constexpr char kAcceptedForms[] = "accepted: ${NAME}, ${NAME:-default}, and $$ for a dollar sign";

bool startsWith(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

std::string credentialsFolder() {
  const char* folder = std::getenv("CREDENTIALS_DIRECTORY");
  return folder == nullptr ? "" : folder;
}

// `echo secret > file` ends it with a line end that is not meant.
std::string withoutLineEnd(std::string text) {
  if (!text.empty() && text.back() == '\n') text.pop_back();
  if (!text.empty() && text.back() == '\r') text.pop_back();
  return text;
}

}  // namespace

Variables::Variables(std::string file, const std::string& folder)
    : file_(std::move(file)),
      credentials_folder_(credentialsFolder()),
      dot_env_path_(folder + "/.env"),
      dot_env_(readDotEnv(dot_env_path_)) {}

void Variables::fill(YamlNode& node) {
  if (node.kind == YamlNode::Kind::kScalar) fillScalar(node);
  for (YamlNode& item : node.items) fill(item);
  for (YamlMember& member : node.members) fill(member.value);
}

std::vector<std::string> Variables::sources() const {
  std::vector<std::string> lines;
  for (const auto& [name, source] : sources_) lines.push_back(name + " " + source);
  return lines;
}

void Variables::refuse(const Place& place, const std::string& what) const {
  throw StartupError(placeText(file_, place.mark), what);
}

void Variables::fillScalar(YamlNode& node) {
  Place place{node.mark, false, {}};
  node.text = expand(node.written, place, 0);
  node.from_variable = place.used;
}

std::string Variables::expand(std::string_view text, Place& place, int nesting) {
  std::string filled;
  while (!text.empty()) {
    const std::size_t plain = std::min(text.find('$'), text.size());
    filled += text.substr(0, plain);
    text.remove_prefix(plain);
    if (startsWith(text, "${")) {
      const std::size_t end = closingBrace(text, 2, place);
      filled += reference(text.substr(2, end - 2), place, nesting + 1);
      text.remove_prefix(end + 1);
    } else if (!text.empty()) {
      filled += '$';
      text.remove_prefix(startsWith(text, "$$") ? 2 : 1);
    }
  }
  return filled;
}

// `inside` is what stands between ${ and its }.
std::string Variables::reference(std::string_view inside, Place& place, int nesting) {
  const std::size_t name_end = std::min(inside.find(":-"), inside.size());
  const std::string name(inside.substr(0, name_end));
  const bool has_default = name_end < inside.size();
  if (!isVariableName(name)) {
    refuse(place, quotedStart("${" + name + "}") + " names no variable; " + kAcceptedForms);
  }
  const auto value = lookUp(name, place);
  if (value && (!value->empty() || !has_default)) return *value;
  place.tried.push_back(name);
  if (!has_default) refuseUnset(place);
  std::string fallback = expand(inside.substr(name_end + 2), place, nesting);
  place.tried.pop_back();
  return fallback;
}

void Variables::refuseUnset(const Place& place) const {
  const std::string& last = place.tried.back();
  const std::string credential = credentials_folder_.empty() ? "" : ", as a credential";
  const std::string remedy = " in the environment" + credential + " or in " + dot_env_path_ +
                             ", or a default: ${" + last + ":-…}";
  if (place.tried.size() == 1)
    refuse(place, "the variable " + last + " is not set; accepted: it" + remedy);
  refuse(place, "none of " + joined(place.tried, ", ") + " is set; accepted: one of them" + remedy);
}

std::size_t Variables::closingBrace(std::string_view text, std::size_t start,
                                    const Place& place) const {
  int open = 1;
  for (std::size_t i = start; i < text.size(); ++i) {
    if (startsWith(text.substr(i), "$$")) {
      ++i;
    } else if (startsWith(text.substr(i), "${")) {
      if (++open > kVariableNestingMax) {
        refuse(place,
               "variables nested deeper than " + std::to_string(kVariableNestingMax) + " levels");
      }
      ++i;
    } else if (text[i] == '}' && --open == 0) {
      return i;
    }
  }
  refuse(place, std::string("${ without its }; ") + kAcceptedForms);
}

std::optional<std::string> Variables::lookUp(const std::string& name, Place& place) {
  const auto in_dot_env = dot_env_.find(name);
  std::optional<std::string> value;
  std::string& source = sources_[name];
  if (const char* set = std::getenv(name.c_str()); set != nullptr) {
    value = set;
    source = "from the environment";
  } else if (auto given = credential(name)) {
    value = std::move(given);
    source = "from a credential";
  } else if (in_dot_env != dot_env_.end()) {
    value = in_dot_env->second;
    source = "from .env";
  } else {
    source = "is not set, its default is used";
  }
  if (value && value->empty()) source += ", empty";
  if (value) admit(name, *value, place);
  return value;
}

// A name holds no slash, so the file lies in the folder.
std::optional<std::string> Variables::credential(const std::string& name) const {
  const std::string path = credentials_folder_ + "/" + name;
  std::error_code ignored;
  if (credentials_folder_.empty() || !std::filesystem::exists(path, ignored)) return std::nullopt;
  return withoutLineEnd(readTextFile(path, kVariableBytesMax).text);
}

void Variables::admit(const std::string& name, const std::string& value, Place& place) {
  bytes_ += value.size();
  if (bytes_ > kVariableBytesMax) {
    refuse(place, "variables bring more than " + std::to_string(kVariableBytesMax) +
                      " bytes into the file");
  }
  if (utf8ErrorAt(value) != std::string_view::npos) {
    refuse(place, "the value of " + name + " is no text; accepted: UTF-8");
  }
  place.used = place.used || !value.empty();
}

}  // namespace modhost::host
