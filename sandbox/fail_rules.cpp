#include "sandbox/fail_rules.h"

#include <algorithm>
#include <charconv>

namespace modhost::sandbox {
namespace {

std::optional<int> positiveNumber(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 1) return std::nullopt;
  return number;
}

std::optional<Fault> parseFault(std::string_view what) {
  if (what == "html") return Fault{Fault::Kind::kHtml, 0};
  if (what == "cut") return Fault{Fault::Kind::kCut, 0};
  const std::optional<int> status = positiveNumber(what);
  if (!status || *status < 400 || *status > 599) return std::nullopt;
  return Fault{Fault::Kind::kStatus, *status};
}

bool isMethod(std::string_view method) {
  return method == "*" || (!method.empty() && std::all_of(method.begin(), method.end(), [](char c) {
           return c >= 'A' && c <= 'Z';
         }));
}

bool fits(const FailRule& rule, std::string_view method, std::string_view path) {
  if (rule.method != "*" && rule.method != method) return false;
  if (!path.starts_with(rule.path)) return false;
  return rule.path.ends_with('/') || path.size() == rule.path.size() ||
         path[rule.path.size()] == '/';
}

}  // namespace

std::optional<FailRule> parseFailRule(std::string_view text) {
  const std::size_t space = text.find(' ');
  const std::size_t equals = text.rfind('=');
  if (space == std::string_view::npos || equals == std::string_view::npos || equals < space) {
    return std::nullopt;
  }
  const std::string_view method = text.substr(0, space);
  const std::string_view path = text.substr(space + 1, equals - space - 1);
  const std::string_view effect = text.substr(equals + 1);
  const std::size_t colon = effect.find(':');
  const std::optional<Fault> fault = parseFault(effect.substr(0, colon));
  if (!isMethod(method) || !path.starts_with('/') || !fault) return std::nullopt;
  FailRule rule{std::string(method), std::string(path), *fault, std::nullopt};
  if (colon == std::string_view::npos) return rule;
  rule.times_left = positiveNumber(effect.substr(colon + 1));
  if (!rule.times_left) return std::nullopt;
  return rule;
}

std::optional<Fault> FailRules::next(std::string_view method, std::string_view path) {
  host::MutexLock lock(mutex_);
  for (FailRule& rule : rules_) {
    if (!fits(rule, method, path) || rule.times_left == 0) continue;
    if (rule.times_left) --*rule.times_left;
    return rule.fault;
  }
  return std::nullopt;
}

}  // namespace modhost::sandbox
