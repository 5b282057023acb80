// AdminClient: how subcommands ask a running host through its admin port. Address and token come
// from the configuration file, unless the command line names the address; the token is never a word
// of the command line, where every user of the machine could read it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "host/base/clock.h"
#include "host/base/result.h"

namespace CLI {
class App;
}

namespace modhost::host {

struct AdminOptions {
  std::string config = "modules.yaml";
  std::string url;                                // http://host:port; empty: from `config`
  std::string token_env = "MODHOST_ADMIN_TOKEN";  // read only with `url`
};

// -c/--config, --admin and --token-env.
void addAdminOptions(CLI::App& command, AdminOptions& options);

class AdminClient {
 public:
  using Json = nlohmann::json;

  // Throws StartupError when the configuration can not be read or gives no address.
  explicit AdminClient(const AdminOptions& options);

  // The reply's JSON. kUnavailable: nobody answered. kInvalid: refused, with the host's own words.
  Result<Json> get(const std::string& path) const;
  // `patience`: for the whole call; an action may take its time.
  Result<Json> post(const std::string& path, const Json& body,
                    Milliseconds patience = Milliseconds(60'000)) const;

 private:
  Result<Json> call(const std::string& method, const std::string& path, const std::string& body,
                    Milliseconds patience) const;

  std::string url_;
  std::string token_;
};

// One segment of a path, or one value of a query.
std::string percentEncoded(const std::string& text);

}  // namespace modhost::host
