// A modules.yaml of the test's own in a temp folder, and what loadSettings() makes of it.
#pragma once

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "host/base/startup_error.h"
#include "host/config/settings.h"
#include "tests/support/temp_folder.h"

namespace modhost::host {

// Sets a variable and takes it away again at the end of the test.
class Variable {
 public:
  Variable(const std::string& name, const std::string& value) : name_(name) {
    ::setenv(name.c_str(), value.c_str(), 1);
  }
  ~Variable() { ::unsetenv(name_.c_str()); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  std::string name_;
};

inline std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (std::size_t at = text.find(what); at != std::string::npos;
       at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
  return text;
}

inline std::string wholeText(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

class ConfigFile {
 public:
  explicit ConfigFile(const std::string& yaml = "") { write("modules.yaml", yaml); }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_.file(name), std::ios::binary) << text;
  }
  std::string path(const std::string& name = "modules.yaml") const { return folder_.file(name); }
  Settings load() const { return loadSettings(path()); }

  // What the refusal says, with this test's folder cut out of it; "accepted" when nothing was
  // refused.
  std::string refusal() const {
    try {
      load();
      return "accepted";
    } catch (const StartupError& error) {
      return replaced(error.what(), folder_.path().string() + "/", "");
    }
  }

 private:
  TempFolder folder_;
};

// The least that is accepted; `more` goes after it.
inline std::string minimal(const std::string& more = "") {
  return "webhook: {secrets: [s3cr3t-for-tests]}\n"
         "platform: {api_key: k3y-for-tests, app_id: app}\n" +
         more;
}

inline Settings loaded(const std::string& yaml) { return ConfigFile(yaml).load(); }
inline std::string refusal(const std::string& yaml) { return ConfigFile(yaml).refusal(); }

}  // namespace modhost::host
