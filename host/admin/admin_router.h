// AdminRouter: which handler answers which method and path of the admin port. No I/O, no Poco.
//
// A path is its segments; "{name}" stands for any one of them, which the handler finds, decoded,
// under that name. A fixed segment wins over a name: "/events/replay" before "/events/{id}".
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace modhost::host {

struct AdminRequest {
  std::string method;
  std::string path;                             // as it came, without the query
  std::map<std::string, std::string> query;     // decoded; of a name that stands twice, the last
  std::map<std::string, std::string> captured;  // by the names of the route's path
  std::string body;
};

struct AdminReply {
  int status = 200;
  std::string type = "application/json";
  std::string text;
  std::vector<std::pair<std::string, std::string>> headers;
};

using AdminHandler = std::function<AdminReply(const AdminRequest&)>;

class AdminRouter {
 public:
  // `method` is GET (which answers HEAD too) or POST; each method and path once.
  void add(std::string method, std::string path, AdminHandler handler);

  // Fills `captured` and runs the handler. No such path: 404; no such method: 405 with Allow.
  AdminReply answer(AdminRequest request) const;

  // "GET /api/v1/events/{id}" for every route, sorted.
  std::vector<std::string> routes() const;

 private:
  struct Route {
    std::string method;
    std::string path;
    std::vector<std::string> segments;
    AdminHandler handler;
  };

  std::vector<Route> routes_;
};

// Splits "/path?a=1&b=%20" into path and decoded query. '+' is a space in the query.
void splitTarget(std::string_view target, AdminRequest& request);

}  // namespace modhost::host
