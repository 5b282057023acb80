#include "host/config/secret_file.h"

#include <utility>

#include "host/base/startup_error.h"
#include "host/config/text.h"
#include "host/config/text_file.h"

namespace modhost::host {
namespace {

void dropLineEnd(std::string& text) {
  if (!text.empty() && text.back() == '\n') text.pop_back();
  if (!text.empty() && text.back() == '\r') text.pop_back();
}

}  // namespace

SecretFile readSecretFile(const std::string& path) {
  TextFile file = readTextFile(path, kSecretFileBytesMax);
  dropLineEnd(file.text);
  if (file.text.empty()) throw StartupError(path, "is empty; accepted: a secret");
  if (utf8ErrorAt(file.text) != std::string::npos || hasControl(file.text)) {
    throw StartupError(path,
                       "holds more than one line of text (it is not shown, as it may be secret); "
                       "accepted: a secret, and a line end after it");
  }
  const std::string fault = readersFault(file.rights);
  return {std::move(file.text), fault.empty() ? "" : path + " " + fault};
}

}  // namespace modhost::host
