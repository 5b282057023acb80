// Completion: answers /openai/chat/completions, by quoting the documents or through a language
// model.
#pragma once

#include <memory>
#include <string>

#include "host/base/clock.h"
#include "sandbox/http.h"
#include "sandbox/stop_signal.h"

namespace modhost::sandbox {

// Threads: complete() may be called from any thread at once.
class Completion {
 public:
  virtual ~Completion() = default;

  // `request` is the call's body: {model?, messages, temperature?, options?}; messages is a
  // non-empty array of objects. The answer has the shape of OpenAI's chat.completion, or is an
  // error answer.
  virtual Response complete(const Json& request) = 0;
};

// Needs no language model: it quotes from the system messages the sentences that share most words
// with the user's last message, and says so. Where none does, it says that nothing was found.
class ExtractiveCompletion final : public Completion {
 public:
  explicit ExtractiveCompletion(host::Clock& clock) : clock_(clock) {}
  Response complete(const Json& request) override;

 private:
  host::Clock& clock_;
};

struct LanguageModel {
  std::string url;    // OpenAI-compatible; ".../chat/completions" is added unless it is there
  std::string key;    // sent as Bearer; empty: none
  std::string model;  // instead of the request's; empty: the request's
  host::Milliseconds timeout{120'000};
};

// Forwards to a language model. Its failures become 502 in the platform's error form, without its
// key.
class ForwardedCompletion final : public Completion {
 public:
  // `stop` has to outlive this object.
  ForwardedCompletion(LanguageModel model, const StopSignal& stop);
  Response complete(const Json& request) override;

 private:
  LanguageModel model_;
  const StopSignal& stop_;
};

// The answer text of ExtractiveCompletion; `context` is what the system messages say.
std::string extractiveAnswer(const std::string& context, const std::string& question);

// All text of a message: its `content` is a string, or parts of which those of type "text" count.
std::string messageText(const Json& message);

}  // namespace modhost::sandbox
