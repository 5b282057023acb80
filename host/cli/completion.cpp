// `modhost completion SHELL`: in all three shells the same small machine. It walks the words typed so
// far from command to command, then offers what may stand there.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "host/cli/cli.h"
#include "host/cli/command_tree.h"

namespace modhost::host {
namespace {

// Within single quotes of a shell; `quote` is how that shell writes one there.
std::string shellQuoted(const std::string& text, const std::string& quote = "'\\''") {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? quote : std::string(1, c);
  return out + "'";
}

// fish reads a backslash within single quotes, the others do not.
std::string fishQuoted(const std::string& text) {
  std::string doubled;
  for (const char c : text) doubled += c == '\\' ? std::string("\\\\") : std::string(1, c);
  return shellQuoted(doubled, "\\'");
}

// As much of it as a list of completions has room for.
std::string shortAbout(const std::string& about) { return about.substr(0, about.find('\n')); }

bool takesFiles(const CommandTree& command) {
  for (const CommandOption& option : command.options) {
    if (option.positional && option.takesFile()) return true;
  }
  return false;
}

// The words that may stand where no option does, with what is known of them.
struct OfferedWord {
  std::string word, about;
};

std::vector<OfferedWord> offeredWords(const CommandTree& command) {
  std::vector<OfferedWord> words;
  for (const CommandTree& next : command.commands) {
    words.push_back({next.name, shortAbout(next.about)});
  }
  for (const CommandOption& option : command.options) {
    if (!option.positional) continue;
    for (const std::string& choice : option.choices) words.push_back({choice, ""});
  }
  return words;
}

std::string wordsText(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// "'events list/--state')": where an option's value is typed.
std::string valuePattern(const CommandTree& command, const CommandOption& option) {
  std::string pattern;
  for (const std::string& name : option.names) {
    pattern += (pattern.empty() ? "" : "|") + shellQuoted(command.path + "/" + name);
  }
  return pattern + ")";
}

// The steps from command to command: "'events/list') at='events list' ;;".
std::string stepCases(const CommandTree& root) {
  std::string cases;
  for (const CommandTree* command : wholeTree(root)) {
    for (const CommandTree& next : command->commands) {
      cases += "      " + shellQuoted(command->path + "/" + next.name) +
               ") at=" + shellQuoted(next.path) + " ;;\n";
    }
  }
  return cases;
}

// What each option's value may be; `files`, `words` and `nothing` are the shell's ways to say so.
std::string valueCases(const CommandTree& root, const std::string& files, const std::string& words,
                       const std::string& nothing) {
  std::string cases;
  for (const CommandTree* command : wholeTree(root)) {
    for (const CommandOption& option : command->options) {
      if (option.positional || option.value.empty()) continue;
      const std::string offer = !option.choices.empty() ? words + wordsText(option.choices)
                                : option.takesFile()    ? files
                                                        : nothing;
      cases += "    " + valuePattern(*command, option) + " " + offer + "; return ;;\n";
    }
  }
  return cases;
}

constexpr char kBashHead[] = R"(# Completion of modhost in bash, made by `modhost completion bash`.
_modhost_words() { mapfile -t COMPREPLY < <(compgen -W "$*" -- "$cur"); }
_modhost_files() {
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen -f -- "$cur")
}
_modhost() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} at='' word commands='' options='' files=''
  COMPREPLY=()
  # --option=value comes as three words.
  if [[ $cur == = ]]; then cur=''; elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$at/$word" in
)";
constexpr char kBashTail[] = R"(  esac
  if [[ $cur == -* ]]; then
    _modhost_words "$options"
  elif [[ $files ]]; then
    _modhost_files
  else
    _modhost_words "${commands:-$options}"
  fi
}
complete -F _modhost modhost
)";

std::string bashCommand(const CommandTree& command) {
  std::vector<std::string> commands, options;
  for (const OfferedWord& offered : offeredWords(command)) commands.push_back(offered.word);
  for (const CommandOption& option : command.options) {
    if (!option.positional) options.insert(options.end(), option.names.begin(), option.names.end());
  }
  return "    " + shellQuoted(command.path) + ") commands=" + shellQuoted(wordsText(commands)) +
         " options=" + shellQuoted(wordsText(options)) +
         " files=" + (takesFiles(command) ? "1" : "''") + " ;;\n";
}

std::string bashScript(const CommandTree& root) {
  std::string script = kBashHead + stepCases(root) + "    esac\n  done\n  case \"$at/$prev\" in\n";
  script += valueCases(root, "_modhost_files", "_modhost_words ", "COMPREPLY=()");
  script += "  esac\n  case \"$at\" in\n";
  for (const CommandTree* command : wholeTree(root)) script += bashCommand(*command);
  return script + kBashTail;
}

constexpr char kZshHead[] = R"(#compdef modhost
# Completion of modhost in zsh, made by `modhost completion zsh`.
_modhost() {
  local at='' word
  local -a below flags
  local files=''
  for word in ${words[2,CURRENT-1]}; do
    case "$at/$word" in
)";
constexpr char kZshTail[] = R"(  esac
  if [[ $PREFIX == -* ]]; then
    _describe -o option flags
  elif [[ -n $files ]]; then
    _files
  elif (( $#below )); then
    _describe command below
  else
    _describe -o option flags
  fi
}
if [[ $funcstack[1] == _modhost ]]; then
  _modhost "$@"
else
  compdef _modhost modhost
fi
)";

std::string zshCommand(const CommandTree& command) {
  std::string below, flags;
  for (const OfferedWord& offered : offeredWords(command)) {
    below += " " + shellQuoted(offered.word + ":" + offered.about);
  }
  for (const CommandOption& option : command.options) {
    if (option.positional) continue;
    for (const std::string& name : option.names) {
      flags += " " + shellQuoted(name + ":" + shortAbout(option.about));
    }
  }
  return "    " + shellQuoted(command.path) + ")\n      below=(" + below + " )\n      flags=(" +
         flags + " )\n      files=" + (takesFiles(command) ? "1" : "''") + " ;;\n";
}

std::string zshScript(const CommandTree& root) {
  std::string script = kZshHead + stepCases(root) +
                       "    esac\n  done\n  case \"$at/${words[CURRENT-1]}\" in\n" +
                       valueCases(root, "_files", "compadd ", ":") + "  esac\n  case \"$at\" in\n";
  for (const CommandTree* command : wholeTree(root)) script += zshCommand(*command);
  return script + kZshTail;
}

constexpr char kFishHead[] = R"(# Completion of modhost in fish, made by `modhost completion fish`.
# Whether the words typed so far have led to this command.
function __modhost_at
  set -l at ''
  set -l words (commandline -opc)
  for word in $words
    switch "$at/$word"
)";
constexpr char kFishTail[] = R"(    end
  end
  test "$at" = "$argv[1]"
end
complete -c modhost -f
)";

std::string fishBegin(const CommandTree& command) {
  return "complete -c modhost -n \"__modhost_at " + fishQuoted(command.path) + "\"";
}

std::string fishOption(const CommandTree& command, const CommandOption& option) {
  std::string line = fishBegin(command);
  for (const std::string& name : option.names) {
    line += name[1] == '-' ? " -l " + name.substr(2) : " -s " + name.substr(1);
  }
  if (option.takesFile()) line += " -r -F";
  if (!option.takesFile() && !option.value.empty()) line += " -x";
  if (!option.choices.empty()) line += " -a " + fishQuoted(wordsText(option.choices));
  return line + " -d " + fishQuoted(shortAbout(option.about)) + "\n";
}

std::string fishCommand(const CommandTree& command) {
  std::string lines;
  for (const OfferedWord& offered : offeredWords(command)) {
    lines += fishBegin(command) + " -a " + offered.word + " -d " + fishQuoted(offered.about) + "\n";
  }
  for (const CommandOption& option : command.options) {
    if (!option.positional) lines += fishOption(command, option);
  }
  return takesFiles(command) ? lines + fishBegin(command) + " -F\n" : lines;
}

std::string fishScript(const CommandTree& root) {
  std::string script = kFishHead;
  for (const CommandTree* command : wholeTree(root)) {
    for (const CommandTree& next : command->commands) {
      script += "      case " + fishQuoted(command->path + "/" + next.name) + "\n        set at " +
                fishQuoted(next.path) + "\n";
    }
  }
  script += kFishTail;
  for (const CommandTree* command : wholeTree(root)) script += fishCommand(*command);
  return script;
}

}  // namespace

std::string completionScript(const CommandTree& root, const std::string& shell) {
  if (shell == "zsh") return zshScript(root);
  return shell == "fish" ? fishScript(root) : bashScript(root);
}

void addCompletionCommand(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand(
      "completion",
      "Prints what a shell needs to complete modhost's commands, options and files.\n"
      "\n"
      "  source <(modhost completion bash)               for this shell\n"
      "  modhost completion fish > ~/.config/fish/completions/modhost.fish");
  const auto shell = std::make_shared<std::string>();
  command->add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([shell, &app, &chosen] {
    chosen = [shell, &app] {
      std::fputs(completionScript(commandTree(app), *shell).c_str(), stdout);
      return 0;
    };
  });
}

}  // namespace modhost::host
