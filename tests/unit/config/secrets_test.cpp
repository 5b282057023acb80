// Where secrets come from, what is no secret, when one ends, and who may write what the host believes.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "host/base/time_text.h"
#include "tests/unit/config/config_file.h"

namespace modhost::host {
namespace {

void setMode(const std::string& path, mode_t mode) { REQUIRE(::chmod(path.c_str(), mode) == 0); }

std::string withSecret(const std::string& item) {
  return "webhook: {secrets: [" + item + "]}\nplatform: {api_key: k3y-for-tests, app_id: app}\n" +
         "modules: [{id: m}]\nroutes: [{event: e, to: m}]\n";
}

WallTime at(const std::string& iso) { return *wallTimeFrom(iso); }

// What warnOfExpired() says, with the folder cut out; empty when it says nothing.
std::string expiry(const ConfigFile& file, const std::string& now) {
  Settings settings = file.load();
  try {
    warnOfExpired(settings, at(now));
  } catch (const StartupError& error) {
    return replaced(error.what(), file.path(""), "");
  }
  return settings.warnings.empty() ? "" : replaced(settings.warnings.front(), file.path(""), "");
}

}  // namespace

TEST_SUITE_BEGIN("config");

TEST_CASE("secrets: one may stand in a file and loses its last line end alone") {
  ConfigFile file(withSecret("\"file:s/first\", \"file:${MODHOST_TEST_DIR}/second\""));
  std::filesystem::create_directory(file.path("s"));
  file.write("s/first", "one  \n");
  file.write("second", "two\r\n");
  setMode(file.path("s/first"), 0600);
  setMode(file.path("second"), 0640);
  const Variable folder("MODHOST_TEST_DIR", std::filesystem::path(file.path("")).parent_path());

  const Settings settings = file.load();

  REQUIRE(settings.webhook.secrets.size() == 2);
  CHECK(settings.webhook.secrets[0].text == "one  ");
  CHECK(settings.webhook.secrets[1].text == "two");
  CHECK(settings.warnings.empty());

  file.write("s/first", "another\n");
  CHECK(file.load().webhook.secrets[0].text == "another");
}

TEST_CASE("secrets: a file that is no secret is named and never quoted") {
  ConfigFile file(withSecret("\"file:key\""));
  const auto refused = [&](const std::string& text) {
    file.write("key", text);
    setMode(file.path("key"), 0600);
    return file.refusal();
  };

  CHECK(file.refusal().find("modules.yaml:1:21: webhook.secrets[0]: key: cannot be read (No such "
                            "file or directory)") == 0);
  CHECK(refused("").find("key: is empty; accepted: a secret") != std::string::npos);
  CHECK(refused("\n").find("key: is empty") != std::string::npos);
  CHECK(refused("topsecret\nmore\n").find("key: holds more than one line") != std::string::npos);
  CHECK(refused("topsecret\nmore\n").find("topsecret") == std::string::npos);
  CHECK(refused("top\xffsecret").find("key: holds more than one line") != std::string::npos);
  CHECK(refused(std::string(16 * 1024 + 1, 'x')).find("longer than 16384 bytes") !=
        std::string::npos);
  CHECK(refused("changeme\n").find("webhook.secrets[0] is a placeholder") != std::string::npos);
}

TEST_CASE("secrets: a pipe that nobody writes to holds nobody up") {
  ConfigFile file(withSecret("\"file:key\""));
  REQUIRE(::mkfifo(file.path("key").c_str(), 0600) == 0);

  CHECK(file.refusal().find("key: is empty; accepted: a secret") != std::string::npos);

  std::filesystem::remove(file.path("key"));
  std::filesystem::create_directory(file.path("key"));
  CHECK(file.refusal().find("key: cannot be read (Is a directory)") != std::string::npos);
}

TEST_CASE("secrets: what every user can read is warned about and what they can write is refused") {
  ConfigFile file(withSecret("\"file:key\""));
  file.write("key", "s3cr3t-for-tests");
  file.write(".env", "X=y\n");
  setMode(file.path(".env"), 0644);
  setMode(file.path("key"), 0604);

  const std::vector<std::string> warnings = file.load().warnings;

  REQUIRE(warnings.size() == 2);
  CHECK(warnings[0].find("webhook.secrets[0]: " + file.path("key") + " has mode 0604") !=
        std::string::npos);
  CHECK(warnings[1].find("/.env: has mode 0644, so that every user may read it") !=
        std::string::npos);

  setMode(file.path(".env"), 0602);
  CHECK(file.refusal().find(".env: has mode 0602, so that every user may write it") == 0);
  setMode(file.path(".env"), 0600);
  setMode(file.path("key"), 0602);
  CHECK(file.refusal().find("webhook.secrets[0]: key: has mode 0602") != std::string::npos);
}

TEST_CASE("secrets: a configuration or a folder that every user may write is refused") {
  ConfigFile file(minimal("modules_dir: mods\n"));
  std::filesystem::create_directory(file.path("mods"));

  setMode(file.path(), 0666);
  CHECK(file.refusal().find("modules.yaml: has mode 0666, so that every user may write it; "
                            "accepted: ") == 0);
  setMode(file.path(), 0600);
  setMode(file.path(""), 01777);
  CHECK(file.refusal().find(" has mode 1777, so that every user may write it") !=
        std::string::npos);
  setMode(file.path(""), 0700);
  setMode(file.path("mods"), 0777);
  CHECK(file.refusal().find("mods: has mode 0777, so that every user may write it") == 0);
  setMode(file.path("mods"), 0775);
  CHECK(file.refusal() == "accepted");
}

TEST_CASE("secrets: a placeholder is refused wherever a secret belongs") {
  for (const char* dummy : {"changeme", "CHANGE-ME", "secret", "your-secret-here", "whsec_...",
                            "\"$${SECRET}\"", "<secret>", "xxxxxxxx", "a", "test", "\"***\""}) {
    CAPTURE(dummy);
    const std::string text(dummy);
    CHECK(
        refusal(withSecret(text)).find("modules.yaml:1:21: webhook.secrets[0] is a placeholder") ==
        0);
    CHECK(refusal("webhook: {secrets: [abc]}\nplatform: {api_key: " + text + ", app_id: a}\n")
              .find("platform.api_key is a placeholder") != std::string::npos);
    CHECK(refusal(minimal("admin_token: " + text + "\n")).find("admin_token is a placeholder") !=
          std::string::npos);
  }
}

TEST_CASE("secrets: one may end and then is warned about until none is left") {
  ConfigFile file(
      withSecret("{secret: old-one, expires: 2026-12-31T00:00:00Z}, {secret: newer, expires: "
                 "\"2027-01-31T00:00:00.500Z\"}"));

  CHECK(expiry(file, "2026-12-30T23:59:59.999Z").empty());
  CHECK(expiry(file, "2026-12-31T00:00:00.000Z") ==
        "modules.yaml:1:21: a secret of webhook.secrets expired at 2026-12-31T00:00:00.000Z and "
        "verifies nothing any more");
  CHECK(expiry(file, "2027-01-31T00:00:00.500Z")
            .find("modules.yaml:1:21: every secret of webhook.secrets has expired") == 0);
}

TEST_CASE("secrets: one that ends has the keys of its section") {
  CHECK(
      refusal(withSecret("{secret: abc, expires: tomorrow}")) ==
      "modules.yaml:1:44: webhook.secrets[0].expires is \"tomorrow\"; accepted: a time in UTC such "
      "as 2026-12-31T00:00:00Z");
  CHECK(refusal(withSecret("{secret: abc, until: 2026-12-31T00:00:00Z}"))
            .find("unknown key \"webhook.secrets[0].until\"") != std::string::npos);
  CHECK(refusal(withSecret("{expires: 2026-12-31T00:00:00Z}"))
            .find("webhook.secrets[0].secret is missing") != std::string::npos);
}

TEST_CASE("secrets: a proxy is an URL that may hold a user and is never shown") {
  const auto proxied = [](const std::string& proxy) {
    return "webhook: {secrets: [abc]}\nplatform: {api_key: k3y, app_id: a, proxy: \"" + proxy +
           "\"}\n";
  };
  CHECK(loaded(proxied("http://user:p%40ss@proxy.example:3128/")).platform.proxy ==
        "http://user:p%40ss@proxy.example:3128");
  CHECK(loaded(proxied("socks5h://[::1]:1080")).platform.proxy == "socks5h://[::1]:1080");
  CHECK(effectiveYaml(loaded(proxied("http://user:topsecret@p:1"))).find("topsecret") ==
        std::string::npos);
  for (const char* bad : {"proxy.example:3128", "ftp://p", "http://", "http://u:topsecret@",
                          "http://p:99999", "http://p/topsecret"}) {
    const std::string told = refusal(proxied(bad));
    CHECK_MESSAGE(told.find("platform.proxy is text that is not shown; accepted: http://") !=
                      std::string::npos,
                  told);
  }
}

TEST_CASE("secrets: a proxy in the environment is not used in silence") {
  const Variable proxy("https_proxy", "http://user:topsecret@proxy.example:3128");
  const Settings settings = loaded(withSecret("abc"));

  CHECK(settings.platform.proxy.empty());
  REQUIRE(settings.warnings.size() == 1);
  CHECK(settings.warnings[0].find("platform.proxy is empty, and the variable https_proxy is not "
                                  "looked at") != std::string::npos);
  CHECK(settings.warnings[0].find("topsecret") == std::string::npos);
}

}  // namespace modhost::host
