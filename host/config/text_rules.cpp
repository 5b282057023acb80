#include "host/config/text_rules.h"

#include <algorithm>
#include <string_view>

#include "host/config/text.h"
#include "host/config/values.h"

namespace modhost::host {

namespace {

constexpr std::size_t kIdSizeMax = 63;  // with its zero it fits modhost_note.id
constexpr char kLowerDigits[] = "abcdefghijklmnopqrstuvwxyz0123456789";
constexpr char kLetters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

bool onlyOf(std::string_view text, const std::string& characters) {
  return text.find_first_not_of(characters) == std::string_view::npos;
}

bool startsWith(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

bool isLines(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return !hasControl(text);
}

bool isId(const std::string& text) {
  return text.size() <= kIdSizeMax && onlyOf(text, std::string(kLowerDigits) + "-");
}

bool isUrlPath(const std::string& text) {
  return text[0] == '/' && text != "/health" && onlyOf(text, std::string(kLetters) + "-._~/");
}

bool isEventPattern(const std::string& text) {
  const std::size_t star = text.find('*');
  const bool star_ends = star == std::string::npos || star + 1 == text.size();
  return star_ends && !hasControl(text) && text.find(' ') == std::string::npos;
}

bool isCall(const std::string& text) {
  const std::size_t blank = text.find(' ');
  if (blank == std::string::npos || hasControl(text)) return false;
  const std::string method = text.substr(0, blank);
  const std::string path = text.substr(blank + 1);
  const auto methods = {"GET", "POST", "PATCH", "PUT", "DELETE"};
  return std::find(methods.begin(), methods.end(), method) != methods.end() &&
         startsWith(path, "/") && path.find_first_of(" ?#") == std::string::npos &&
         path.find("..") == std::string::npos;
}

// Docker's env files keep the quotes people write around an URL.
std::string unwrapped(std::string_view url) {
  const bool quoted =
      url.size() > 1 && (url.front() == '"' || url.front() == '\'') && url.back() == url.front();
  if (quoted) url = url.substr(1, url.size() - 2);
  while (!url.empty() && url.back() == '/') url.remove_suffix(1);
  return std::string(url);
}

// host[:port] of an URL; empty when its scheme is neither http nor https.
std::string_view authorityOf(std::string_view url) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (!startsWith(url, scheme)) continue;
    url.remove_prefix(scheme.size());
    return url.substr(0, url.find('/'));
  }
  return {};
}

bool isUrl(const std::string& url) {
  const std::string authority(authorityOf(url));
  const bool strange = hasControl(url) || url.find_first_of(" \"'?#@\\<>") != std::string::npos;
  const std::size_t after_brackets =
      authority.rfind(']') == std::string::npos ? 0 : authority.rfind(']');
  const bool has_port = authority.find(':', after_brackets) != std::string::npos;
  return !strange && hostPortFrom(has_port ? authority : authority + ":0").has_value();
}

bool isProxy(const std::string& url) {
  for (const std::string_view scheme : {"http://", "https://", "socks5://", "socks5h://"}) {
    if (!startsWith(url, scheme)) continue;
    std::string rest = url.substr(scheme.size());
    const std::size_t at = rest.rfind('@');
    const std::string credentials = at == std::string::npos ? "" : rest.substr(0, at);
    rest.erase(0, at == std::string::npos ? 0 : at + 1);
    return credentials.find_first_of("/?#") == std::string::npos && isUrl("http://" + rest) &&
           rest.find('/') == std::string::npos;
  }
  return false;
}

bool isDigest(const std::string& text) {
  return text.size() == 64 && onlyOf(text, "0123456789abcdefABCDEF");
}

bool isChoice(const std::string& choices, const std::string& text) {
  const std::vector<std::string> all = split(choices, '|');
  return std::find(all.begin(), all.end(), text) != all.end();
}

bool accepts(KeyType type, const std::string& choices, const std::string& text) {
  switch (type) {
    case KeyType::kText:
      return isLines(text);
    case KeyType::kEnum:
      return isChoice(choices, text);
    case KeyType::kId:
    case KeyType::kIdList:
      return isId(text);
    case KeyType::kUrl:
      return isUrl(text);
    case KeyType::kProxy:
      return !hasControl(text) && text.find(' ') == std::string::npos && isProxy(text);
    case KeyType::kTime:
      return timeFrom(text).has_value();
    case KeyType::kDigest:
      return isDigest(text);
    case KeyType::kUrlPath:
      return isUrlPath(text);
    case KeyType::kEventPattern:
      return isEventPattern(text);
    case KeyType::kCallList:
      return isCall(text);
    default:
      return !hasControl(text);
  }
}

}  // namespace

std::optional<std::string> acceptText(KeyType type, const std::string& choices,
                                      const std::string& text) {
  const bool is_url = type == KeyType::kUrl || type == KeyType::kProxy;
  const std::string kept = is_url ? unwrapped(text) : text;
  if (kept.empty() || !accepts(type, choices, kept)) return std::nullopt;
  return kept;
}

std::string urlHost(const std::string& url) {
  const std::string authority(authorityOf(url));
  const auto address = hostPortFrom(authority);
  if (address) return address->host;
  return hostPortFrom(authority + ":0").value_or(HostPort{}).host;
}

}  // namespace modhost::host
