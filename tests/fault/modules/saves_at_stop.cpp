// Saves a file when it is stopped, as one does that must not lose what it holds: after 3 s, or, with
// `after` in its config, once that file is there.
#include <modhost/modhost.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace {

class SavesAtStop final : public modhost::IExternalModule {
  void start(modhost::ModuleHost&, const modhost::Json& config) override {
    file_ = config.value("file", "");
    after_ = config.value("after", "");
  }
  modhost::Outcome handle(const modhost::Event&, modhost::Context&) override {
    return modhost::Outcome::ok();
  }
  void stop() noexcept override {
    if (after_.empty()) std::this_thread::sleep_for(std::chrono::seconds(3));
    while (!after_.empty() && !std::filesystem::exists(after_)) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    std::ofstream(file_) << "saved";
  }

  std::string file_, after_;
};

}  // namespace

MODHOST_EXPORT_MODULE(SavesAtStop, {.id = SAVES_AT_STOP_ID, .version = "1.0.0"})
