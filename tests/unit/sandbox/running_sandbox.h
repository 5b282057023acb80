// A sandbox on a free port over a small folder of documents.
#pragma once

#include <fstream>

#include "sandbox/sandbox.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/sandbox/client.h"

namespace modhost::sandbox {

struct RunningSandbox {
  explicit RunningSandbox(const std::string& webhook = "", std::vector<FailRule> faults = {}) {
    std::ofstream(folder.file("fees.md")) << "# Fees\n\nA SWIFT transfer costs 12 EUR.\n";
    std::ofstream(folder.file("pets.md")) << "# Pets\n\nDogs are welcome.\n";
    SandboxSettings settings;
    settings.folder = folder.path();
    settings.server.listen = "127.0.0.1:0";
    settings.faults = std::move(faults);
    if (!webhook.empty()) {
      settings.webhooks = DelivererSettings{webhook, "secret", {}, host::Milliseconds(1)};
    }
    sandbox = std::make_unique<Sandbox>(settings, clock);
    client = {sandbox->url()};
  }

  host::TempFolder folder;
  host::SystemClock clock;
  std::unique_ptr<Sandbox> sandbox;
  Client client;
};

}  // namespace modhost::sandbox
