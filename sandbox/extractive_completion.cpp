// An answer without a language model. The context is cut into sentences; a sentence is worth the
// question's words it holds, each weighed by how rare it is in the context, and the best are quoted
// in the order in which they stand there. Dull and predictable, which is what a test bench wants.
#include <algorithm>
#include <cmath>
#include <set>

#include "sandbox/completion.h"
#include "sandbox/ids.h"
#include "sandbox/text.h"

namespace modhost::sandbox {
namespace {

constexpr std::size_t kQuotesMax = 3;
// A sentence is quoted when it is worth at least this share of the best one.
constexpr double kWorthShareMin = 0.6;
// Words that begin alike are the same word here: "fee", "fees"; the first six letters decide.
constexpr std::size_t kStemBytes = 6;
// One word in common is a coincidence when the question has at least kLongQuestion of them.
constexpr std::size_t kLongQuestion = 4;
constexpr std::size_t kSharedWordsMin = 2;
// About what OpenAI's tokenizers make of English; usage is an estimate.
constexpr std::size_t kBytesPerToken = 4;

// What rag-responder's prompt puts before the passages.
constexpr std::string_view kContextMark = "Context:\n";

constexpr const char* kNothingFound =
    "I found nothing in the documents that answers this question.\n\n"
    "(The sandbox quotes documents; no language model was asked.)";

struct Candidate {
  std::string sentence;
  std::set<std::string> stems;
  std::size_t shared = 0;  // words in common with the question
  double worth = 0;
};

std::set<std::string> stemsOf(const std::string& text) {
  std::set<std::string> stems;
  for (std::string word : terms(text)) {
    if (word.size() > 3 && word.ends_with('s')) word.pop_back();
    stems.insert(word.substr(0, codePointBoundary(word, kStemBytes)));
  }
  return stems;
}

bool isQuotable(const std::string& sentence) {
  return !sentence.starts_with('#') && !sentence.starts_with("---") && !sentence.starts_with('|');
}

std::vector<Candidate> candidatesFrom(const std::string& context) {
  const std::size_t mark = context.find(kContextMark);
  const std::size_t begin = mark == std::string::npos ? 0 : mark + kContextMark.size();
  std::vector<Candidate> candidates;
  std::set<std::string> seen;
  for (std::string& sentence : sentences(std::string_view(context).substr(begin))) {
    if (!isQuotable(sentence) || !seen.insert(sentence).second) continue;
    std::set<std::string> stems = stemsOf(sentence);
    candidates.push_back({std::move(sentence), std::move(stems), 0, 0});
  }
  return candidates;
}

void weigh(std::vector<Candidate>& candidates, const std::set<std::string>& question) {
  for (const std::string& stem : question) {
    const auto holders = std::count_if(candidates.begin(), candidates.end(),
                                       [&](const auto& c) { return c.stems.count(stem) > 0; });
    if (holders == 0) continue;
    const double rarity =
        std::log(1 + static_cast<double>(candidates.size()) / static_cast<double>(holders));
    for (Candidate& candidate : candidates) {
      if (candidate.stems.count(stem) == 0) continue;
      ++candidate.shared;
      candidate.worth += rarity;
    }
  }
  const std::size_t shared_min = question.size() >= kLongQuestion ? kSharedWordsMin : 1;
  for (Candidate& candidate : candidates) {
    if (candidate.shared < shared_min) candidate.worth = 0;
  }
}

// The worth below which nothing is quoted: that of the kQuotesMax-th best, or a share of the best.
double worthToQuote(const std::vector<Candidate>& candidates) {
  std::vector<double> worths;
  for (const Candidate& candidate : candidates) worths.push_back(candidate.worth);
  std::sort(worths.rbegin(), worths.rend());
  return std::max(worths[std::min(kQuotesMax, worths.size()) - 1], worths[0] * kWorthShareMin);
}

std::string quote(const std::vector<Candidate>& candidates) {
  const double least = worthToQuote(candidates);
  std::string text = "The documents say:\n";
  std::size_t quotes = 0;
  for (const Candidate& candidate : candidates) {
    if (candidate.worth < least || candidate.worth <= 0 || quotes == kQuotesMax) continue;
    text += "\n> " + candidate.sentence + "\n";
    ++quotes;
  }
  if (quotes == 0) return kNothingFound;
  return text + "\n(Quoted by the sandbox; no language model was asked.)";
}

std::size_t tokens(std::size_t bytes) { return (bytes + kBytesPerToken - 1) / kBytesPerToken; }

std::string contextOf(const Json& messages) {
  std::string context;
  for (const Json& message : messages) {
    if (message.value("role", Json()) == "system") context += messageText(message) + "\n\n";
  }
  return context;
}

std::string lastUserText(const Json& messages) {
  std::string text;
  for (const Json& message : messages) {
    if (message.value("role", Json()) == "user") text = messageText(message);
  }
  return text;
}

}  // namespace

std::string messageText(const Json& message) {
  const Json content = message.value("content", Json());
  if (content.is_string()) return content.get<std::string>();
  std::string text;
  for (const Json& part : content) {
    if (!part.is_object() || part.value("type", Json()) != "text") continue;
    const Json part_text = part.value("text", Json());
    if (part_text.is_string()) text += part_text.get<std::string>();
  }
  return text;
}

std::string extractiveAnswer(const std::string& context, const std::string& question) {
  std::vector<Candidate> candidates = candidatesFrom(context);
  if (candidates.empty()) return kNothingFound;
  weigh(candidates, stemsOf(question));
  return quote(candidates);
}

Response ExtractiveCompletion::complete(const Json& request) {
  const Json& messages = request.at("messages");
  const std::string context = contextOf(messages);
  const std::string question = lastUserText(messages);
  const std::string answer = extractiveAnswer(context, question);
  const std::size_t asked = tokens(context.size() + question.size());
  const auto created =
      std::chrono::duration_cast<std::chrono::seconds>(clock_.wallNow().time_since_epoch());
  return jsonResponse(
      {{"id", newId("chatcmpl-")},
       {"object", "chat.completion"},
       {"created", created.count()},
       {"model", request.value("model", Json("sandbox-extractive"))},
       {"choices", Json::array({{{"index", 0},
                                 {"message", {{"role", "assistant"}, {"content", answer}}},
                                 {"finish_reason", "stop"}}})},
       {"usage",
        {{"prompt_tokens", asked},
         {"completion_tokens", tokens(answer.size())},
         {"total_tokens", asked + tokens(answer.size())}}}});
}

}  // namespace modhost::sandbox
