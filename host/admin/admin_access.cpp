#include "host/admin/admin_access.h"

#include <algorithm>
#include <cctype>

#include "host/admin/admin_json.h"
#include "host/admin/page.h"
#include "host/base/crypto.h"
#include "host/base/loopback.h"

namespace modhost::host {
namespace {

constexpr std::string_view kBearer = "bearer ";

bool isForEverybody(const std::string& path) {
  return path == "/healthz" || path == "/readyz" || path == "/" || path.rfind(kPagePrefix, 0) == 0;
}

std::string lowerCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// Hashed first, so that neither length nor content of the right one shows in the time.
bool isToken(const std::string& authorization, const std::string& token) {
  const std::string scheme = lowerCase(authorization.substr(0, kBearer.size()));
  if (scheme != kBearer) return false;
  return equalConstantTime(sha256(authorization.substr(kBearer.size())), sha256(token));
}

// "[::1]:9090" → "[::1]", "localhost:9090" → "localhost".
std::string hostOf(const std::string& authority) {
  const std::size_t colon = authority.rfind(':');
  const bool port = colon != std::string::npos && authority.find(']', colon) == std::string::npos;
  return lowerCase(port ? authority.substr(0, colon) : authority);
}

// A browser names the page's origin; ours is the very authority it was asked for.
bool isForeign(const AdminHead& head) {
  if (head.fetch_site == "cross-site" || head.fetch_site == "same-site") return true;
  if (head.origin.empty()) return false;
  const std::size_t at = head.origin.find("://");
  return at == std::string::npos || lowerCase(head.origin.substr(at + 3)) != lowerCase(head.host);
}

AdminReply tokenMissing(const AdminHead& head) {
  const char* found =
      head.authorization.empty() ? "no Authorization header" : "a token that is not this host's";
  AdminReply reply =
      problem(401, std::string(found) +
                       "; accepted: Authorization: Bearer with the admin_token of its "
                       "modules.yaml");
  reply.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"modhost admin\"");
  return reply;
}

}  // namespace

std::optional<AdminReply> refusal(const AdminHead& head, const std::string& token) {
  if (isForEverybody(head.path)) return std::nullopt;
  if (!token.empty() && !isToken(head.authorization, token)) return tokenMissing(head);
  if (token.empty() && !head.host.empty() && !isLoopbackHost(hostOf(head.host))) {
    return problem(403,
                   "the Host header names another machine; accepted: localhost or a loopback "
                   "address, or any once admin_token is set");
  }
  if (isForeign(head)) {
    return problem(403, "the request comes from another site's page; accepted: pages of this host");
  }
  if (head.method == "POST" && head.action != "1") {
    return problem(403, std::string("the header ") + kActionHeader +
                            " is missing; accepted: " + kActionHeader + ": 1 with every POST");
  }
  return std::nullopt;
}

}  // namespace modhost::host
