// AdminAccess: who may ask the admin port, decided from a request's head alone.
//
//   health checks   everybody who reaches the port: they carry nothing worth hiding
//   the page        likewise: its files hold no data, and it asks for the token itself
//   a token is set  who sends it as `Authorization: Bearer …`; compared in constant time
//   no token        who calls the host by a loopback name, so that a page that rebinds its own
//                   name to 127.0.0.1 is refused
//   a browser       a page of this host itself, never another site's (Origin, Sec-Fetch-Site)
//   POST            only with `X-Modhost-Action: 1`, which a form on a stranger's page cannot send
#pragma once

#include <optional>
#include <string>

#include "host/admin/admin_router.h"

namespace modhost::host {

inline constexpr char kActionHeader[] = "X-Modhost-Action";

// The parts of a head that matter; empty: the header was not sent.
struct AdminHead {
  std::string method;
  std::string path;  // without the query
  std::string host;
  std::string origin;
  std::string fetch_site;
  std::string authorization;
  std::string action;
};

// nullopt: go on. Else the refusal: 401 for the token, 403 for everything else. `token` empty: none
// is demanded.
std::optional<AdminReply> refusal(const AdminHead& head, const std::string& token);

}  // namespace modhost::host
