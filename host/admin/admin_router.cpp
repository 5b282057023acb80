#include "host/admin/admin_router.h"

#include <algorithm>
#include <set>

#include "host/admin/admin_json.h"
#include "host/base/assert.h"

namespace modhost::host {
namespace {

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t end = std::min(text.find(at, start), text.size());
    parts.emplace_back(text.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

int hexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// What is no escape stays as it stands.
std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size() && hexDigit(text[i + 1]) >= 0 &&
                        hexDigit(text[i + 2]) >= 0;
    out += escape ? static_cast<char>(hexDigit(text[i + 1]) * 16 + hexDigit(text[i + 2])) : text[i];
    if (escape) i += 2;
  }
  return out;
}

bool isName(const std::string& segment) { return segment.size() > 2 && segment.front() == '{'; }

std::string nameOf(const std::string& segment) { return segment.substr(1, segment.size() - 2); }

bool matches(const std::vector<std::string>& pattern, const std::vector<std::string>& path) {
  return std::equal(pattern.begin(), pattern.end(), path.begin(), path.end(),
                    [](const std::string& expected, const std::string& found) {
                      return isName(expected) ? !found.empty() : expected == found;
                    });
}

std::ptrdiff_t namesIn(const std::vector<std::string>& segments) {
  return std::count_if(segments.begin(), segments.end(), isName);
}

AdminReply noSuchMethod(const std::string& method, const std::set<std::string>& allowed) {
  std::string names;
  for (const std::string& name : allowed) names += (names.empty() ? "" : ", ") + name;
  AdminReply reply = problem(405, "method " + method + " not allowed; accepted: " + names);
  reply.headers.emplace_back("Allow", names);
  return reply;
}

}  // namespace

void AdminRouter::add(std::string method, std::string path, AdminHandler handler) {
  MODHOST_ASSERT(method == "GET" || method == "POST");
  routes_.push_back({std::move(method), path, split(path, '/'), std::move(handler)});
  std::stable_sort(routes_.begin(), routes_.end(), [](const Route& a, const Route& b) {
    return namesIn(a.segments) < namesIn(b.segments);
  });
}

AdminReply AdminRouter::answer(AdminRequest request) const {
  const std::vector<std::string> path = split(request.path, '/');
  const std::string method = request.method == "HEAD" ? "GET" : request.method;
  std::set<std::string> allowed;
  for (const Route& route : routes_) {
    if (!matches(route.segments, path)) continue;
    if (route.method == "GET") allowed.insert("HEAD");
    allowed.insert(route.method);
    if (route.method != method) continue;
    for (std::size_t i = 0; i < path.size(); ++i) {
      if (!isName(route.segments[i])) continue;
      request.captured[nameOf(route.segments[i])] = decoded(path[i]);
    }
    return route.handler(request);
  }
  if (!allowed.empty()) return noSuchMethod(request.method, allowed);
  return problem(404, "not found; the paths are listed in docs/admin-api.md");
}

std::vector<std::string> AdminRouter::routes() const {
  std::vector<std::string> names;
  for (const Route& route : routes_) names.push_back(route.method + " " + route.path);
  std::sort(names.begin(), names.end());
  return names;
}

void splitTarget(std::string_view target, AdminRequest& request) {
  const std::size_t mark = std::min(target.find('?'), target.size());
  request.path = target.substr(0, mark);
  if (mark == target.size()) return;
  for (std::string pair : split(target.substr(mark + 1), '&')) {
    if (pair.empty()) continue;
    std::replace(pair.begin(), pair.end(), '+', ' ');
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const std::string value = equals == pair.size() ? "" : pair.substr(equals + 1);
    request.query[decoded(pair.substr(0, equals))] = decoded(value);
  }
}

}  // namespace modhost::host
