// docs/configuration.md, from the table.
#include "host/config/keys.h"
#include "host/config/settings.h"
#include "host/config/text.h"

namespace modhost::host {

namespace {

constexpr char kIntroduction[] = R"(# Configuration

Everything is in one file, `modules.yaml`. This page is generated from the table in
`host/config/keys.cpp` (`modhost check --reference > docs/configuration.md`), which is also what
reads the file: a key that is not here does not exist, and one that is here is read. `modhost check
-c modules.yaml` does all of start but serving, and prints the effective configuration with its
secrets masked. For editors there is a JSON Schema (`docs/modules.schema.json`).

## The file

YAML 1.2, one document, UTF-8, at most 1 MiB. A key without a value (`inbox:`) is as good as absent:
its default applies. The key's type decides what a value is, not its quotes: `app_id: 123` is the
text `123`, and `concurrency: "8"` is a number. Units are part of the value: `300s`, `8MiB`; only 0
needs none. Relative paths count from the folder of the file. Anchors and aliases may be used; tags,
merge keys (`<<`), duplicate keys and unknown keys are refused. Whatever is refused is named with
`file:line:column`, what was found and what is accepted.

A running host reads the file again when it is told to reload (SIGHUP, a new file in `modules_dir`;
[operating.md](operating.md) has the whole of it). Keys marked *reload* take effect then;
the others keep the value of the start, and the reload names those that wait for a restart.

## Variables

Values (not keys) may hold variables, which are filled in after the file has been parsed, so that
whatever a variable holds is text and never YAML:

| written | means |
|---|---|
| `${NAME}` | the value of NAME; it is an error if NAME is not set |
| `${NAME:-default}` | the default if NAME is not set or empty; it may hold further `${…}` |
| `$$` | one `$`; a `$` before anything but `{` or `$` is itself |

`${UNIQUE_API_KEY:-${UNIQUE_APP_KEY}}` thus takes the first of two names that is set.

A variable is looked up in the environment, then as a credential of the service manager (a file of
that name in `$CREDENTIALS_DIRECTORY`, as systemd's `LoadCredential=` and `SetCredentialEncrypted=`
make them; one line end at its end is left out), then in the file `.env` beside `modules.yaml`. The
start log says how each was found, never its value.

Inside a module's `config`, an unquoted value takes its type after its variables are filled in
(`limit: ${LIMIT:-3}` is a number), a quoted one is text.

`.env` has one `NAME=VALUE` per line, with or without `export` before it. VALUE is bare (a blank
followed by `#` ends it), `'single quoted'` (taken literally) or `"double quoted"` (with `\n \t \r
\" \\ \$`). Blank lines and lines that begin with `#` are skipped; anything else is refused with its
line number. The last of two equal names wins. Nothing is filled into these values.

## Secrets

A value of type *secret* may be `file:PATH`: then the secret is the content of that file without its
last line end, read again at every reload. A relative path counts from the folder of `modules.yaml`;
16 KiB at most. A secret that comes out empty is refused, and so is what people leave in its place
(`changeme`, `your-secret-here`, `...`, one character again and again): whoever guesses it can sign
events. Secrets are in no log, no error and no listing.

`modules.yaml`, its folder, `.env`, files of secrets and `modules_dir` are refused at start and at a
reload when others can write them: every user, or a group that is neither root's, the host's own nor
the owner's private one. What every user can read is only warned about, when it is `.env` or a file of
a secret: containers mount them so.
)";

std::string inCell(std::string text) {
  for (std::size_t at = text.find('|'); at != std::string::npos; at = text.find('|', at + 2)) {
    text.replace(at, 1, "\\|");
  }
  return text;
}

std::string typeText(const KeyInfo& key) {
  switch (key.type) {
    case KeyType::kString:
    case KeyType::kText:
      return "text";
    case KeyType::kSecret:
      return "secret";
    case KeyType::kSecretList:
      return "list of secrets";
    case KeyType::kProxy:
      return "secret";
    case KeyType::kTime:
      return "time";
    case KeyType::kDigest:
      return "SHA-256";
    case KeyType::kEnum:
      return "one of";
    case KeyType::kId:
      return "id";
    case KeyType::kInteger:
      return key.detail;
    case KeyType::kSize:
      return "size";
    case KeyType::kDuration:
      return "duration";
    case KeyType::kBool:
      return "bool";
    case KeyType::kAddress:
      return "host:port";
    case KeyType::kPath:
      return "path";
    case KeyType::kUrl:
      return "URL";
    case KeyType::kUrlPath:
      return "URL path";
    case KeyType::kEventPattern:
      return "event type";
    case KeyType::kCallList:
      return "list of calls";
    case KeyType::kIdList:
      return "id or list of ids";
    case KeyType::kConditions:
      return "conditions";
    case KeyType::kObject:
      return "mapping";
    case KeyType::kEntries:
      return "list of mappings";
  }
  return "";
}

std::string defaultText(const KeyInfo& key) {
  if (isRequired(key)) return "**required**";
  if (*key.fallback == '\0') return isList(key.type) ? "`[]`" : "empty";
  return std::string("`") + key.fallback + "`";
}

std::string rangeText(const KeyInfo& key) {
  if (*key.max != '\0') return std::string(key.min) + " to " + key.max;
  if (key.type == KeyType::kBool) return "true, false";
  std::vector<std::string> choices = split(key.detail, '|');
  if (key.type == KeyType::kAddress && *key.detail != '\0') return std::string("or ") + key.detail;
  return key.type == KeyType::kEnum ? joined(choices, ", ") : "";
}

std::string rowText(const std::string& name, const KeyInfo& key, bool at_reload) {
  return "| `" + name + "` | " + typeText(key) + " | " + inCell(defaultText(key)) + " | " +
         rangeText(key) + " | " + (at_reload ? "reload" : "restart") + " | " +
         inCell(key.sentence) + " |\n";
}

// A key belongs to the outermost section it stands in: inbox.sqlite.path to "inbox".
std::string tableText(const Section& section, const std::vector<KeyInfo>& keys) {
  const std::string name = section.path;
  std::string text =
      "\n## " + (name.empty() ? "Top level" : "`" + name + "`") + "\n\n" + section.sentence +
      "\n\n| key | type | default | range | applies at | |\n|---|---|---|---|---|---|\n";
  const bool entry = name.find('[') != std::string::npos;
  for (const KeyInfo& key : keys) {
    const std::string path = key.path;
    const std::size_t dot = path.find('.');
    const std::string outermost = dot == std::string::npos ? "" : path.substr(0, dot);
    if (!entry && outermost != name) continue;
    text += rowText(entry || name.empty() ? path : path.substr(dot + 1), key,
                    entry || key.applies == Applies::kAtReload);
  }
  return text;
}

}  // namespace

std::string settingsReference() {
  std::string text = kIntroduction;
  for (const Section& section : sections()) {
    const std::string name = section.path;
    if (name == "webhook.secrets[]") {
      text += tableText(section, infosOf(signingSecretKeys()));
    } else if (name == "modules[]") {
      text += tableText(section, infosOf(moduleKeys()));
    } else if (name == "routes[]") {
      text += tableText(section, infosOf(routeKeys()));
    } else {
      text += tableText(section, infosOf(settingsKeys()));
    }
  }
  return text;
}

}  // namespace modhost::host
