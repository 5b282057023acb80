// modules.yaml: any bytes. loadSettings() either gives settings that are shown and read again as
// the same, or one line that says why not and does not give a variable's value away.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "host/base/assert.h"
#include "host/base/fd.h"
#include "host/base/startup_error.h"
#include "host/config/free_object.h"
#include "host/config/settings.h"
#include "host/config/text.h"
#include "host/config/yaml_tree.h"
#include "tests/fuzz/fuzz_input.h"

namespace modhost::host {
namespace {

// No id, so that it may stand in no place whose rule shows its values; the dictionary names it.
constexpr const char* kVariable = "FUZZ_SECRET";
constexpr const char* kValue = "Hush-4711-Hush";
constexpr std::size_t kMessageBytesMax = 8 * 1024;
// Aliases are written out and defaults named, so what is shown of a large file may be too large.
constexpr std::size_t kShownBytesMax = 64 * 1024;

// A file of these bytes that no disk sees. Its folder, /proc/self/fd, has no .env.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes) : fd_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    MODHOST_ASSERT(fd_.valid());
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd_.get(), bytes.data(), bytes.size());
      MODHOST_ASSERT(n > 0);
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_.get()); }

 private:
  Fd fd_;
};

bool isOneLine(const std::string& text) {
  return !hasControl(text) && utf8ErrorAt(text) == text.npos;
}

// Runs `load`; a refusal has to be a StartupError (anything else ends the run) of one line.
template <typename Load>
void checked(Load load) {
  try {
    load();
  } catch (const StartupError& error) {
    const std::string message = error.what();
    MODHOST_ASSERT(isOneLine(message) && message.size() <= kMessageBytesMax);
    MODHOST_ASSERT(message.find(kValue) == std::string::npos);
  }
}

void checkModules(const Settings& settings) {
  for (const Settings::Module& module : settings.modules) {
    MODHOST_ASSERT(nlohmann::json::parse(module.config_json).is_object());
    MODHOST_ASSERT(!module.positionOf("").empty() && !module.positionOf("/a/0").empty());
  }
  for (const Settings::RouteKeys& route : settings.routes) {
    MODHOST_ASSERT(nlohmann::json::parse(route.when_json).is_object() && !route.to.empty());
  }
}

// What we wrote ourselves: here a refusal is a finding.
template <typename Load>
auto readAgain(const std::string& shown, Load load) {
  try {
    return load();
  } catch (const StartupError& error) {
    std::fprintf(stderr, "%s\nin what was shown:\n%s\n", error.what(), shown.c_str());
    std::abort();
  }
}

void checkShown(const Settings& settings) {
  const std::string shown = effectiveYaml(settings);
  if (shown.size() > kShownBytesMax) return;
  const Settings again = readAgain(shown, [&] { return loadSettings(MemoryFile(shown).path()); });
  MODHOST_ASSERT(effectiveYaml(again) == shown);
  MODHOST_ASSERT(again.modules.size() == settings.modules.size());
  for (std::size_t i = 0; i < again.modules.size(); ++i) {
    MODHOST_ASSERT(again.modules[i].config_json == settings.modules[i].config_json);
  }
}

void checkTree(const std::string& text) {
  const YamlNode tree = parseYaml("fuzz.yaml", text);
  const std::string shown = shownYaml(tree);
  if (shown.size() > kShownBytesMax) return;
  const YamlNode again = readAgain(shown, [&] { return parseYaml("fuzz.yaml", shown); });
  MODHOST_ASSERT(jsonText(again) == jsonText(tree));
}

}  // namespace
}  // namespace modhost::host

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace modhost::host;
  static const int variable_set = ::setenv(kVariable, kValue, 1);
  MODHOST_ASSERT(variable_set == 0);
  const std::string text(FuzzInput(data, size).rest());
  checked([&] { checkTree(text); });
  checked([&] {
    const Settings settings = loadSettings(MemoryFile(text).path());
    checkModules(settings);
    checkShown(settings);
  });
  return 0;
}
