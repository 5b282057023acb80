#include "host/app/wiring.h"

namespace modhost::host {
namespace {

std::size_t sizeOf(std::int64_t bytes) { return static_cast<std::size_t>(bytes); }

LogFormat logFormat(const std::string& word) {
  if (word == "json") return LogFormat::kJson;
  return word == "text" ? LogFormat::kText : LogFormat::kAuto;
}

LogLevels moduleLevels(const Settings& settings) {
  LogLevels levels;
  for (const Settings::Module& module : settings.modules) {
    const LogLevel* level = logLevelFrom(module.log_level);
    if (level != nullptr) levels[moduleLogScope(module.id)] = *level;
  }
  return levels;
}

}  // namespace

LogSettings logSettings(const Settings& settings) {
  return {.level = *logLevelFrom(settings.log.level),
          .format = logFormat(settings.log.format),
          .own = moduleLevels(settings),
          .message_text = settings.log.message_text};
}

SqliteInboxSettings inboxSettings(const Settings& settings) {
  const Settings::InboxKeys& keys = settings.inbox;
  SqliteInboxSettings made;
  made.path = keys.sqlite_path;
  made.waiting_max = keys.waiting_max;
  made.in_memory = sizeOf(keys.in_memory);
  made.disk_free_min_bytes = keys.disk_free_min_bytes;
  made.retention = keys.retention;
  made.dead_max = keys.dead_max;
  made.dead_retention = keys.dead_retention;
  made.keep_bodies = keys.keep_bodies;
  return made;
}

PlatformClientSettings platformSettings(const Settings& settings) {
  const Settings::PlatformSettings& keys = settings.platform;
  PlatformClientSettings made;
  made.api_base = keys.api_base;
  made.api_key = keys.api_key;
  made.app_id = keys.app_id;
  made.api_version = keys.api_version;
  made.ca_file = keys.ca_file;
  made.proxy = keys.proxy;
  made.http2 = keys.http2;
  made.retry.tries = keys.tries;
  made.retry.backoff = keys.backoff;
  made.retry.backoff_max = keys.backoff_max;
  made.connections_max = keys.connections_max;
  made.connect_timeout = keys.connect_timeout;
  made.try_timeout = keys.call_timeout;
  made.reply_max_bytes = sizeOf(keys.reply_max_bytes);
  return made;
}

GuardSettings guardSettings(const Settings& settings) {
  GuardSettings made;
  made.apology = settings.dispatch.apology;
  made.stop_poll = settings.dispatch.stop_poll;
  return made;
}

DispatchSettings dispatchSettings(const Settings& settings) {
  const Settings::Dispatch& keys = settings.dispatch;
  DispatchSettings made;
  made.answer_within = keys.answer_within;
  made.close_within = keys.close_within;
  made.overrun_grace = keys.overrun_grace;
  made.drain = keys.drain;
  made.interruptions_max = keys.interruptions_max;
  made.suspect_workers = settings.worker.suspect_workers;
  made.window = sizeOf(keys.window);
  return made;
}

IngressSettings ingressSettings(const Settings& settings) {
  const Settings::Webhook& webhook = settings.webhook;
  const Settings::Gate& gate = settings.gate;
  IngressSettings made;
  made.listen_host = settings.listen_host;
  made.listen_port = settings.listen_port;
  made.path = webhook.path;
  for (const Settings::SigningSecret& secret : webhook.secrets) {
    made.secrets.emplace_back(secret.text, secret.expires.value_or(WallTime::max()));
  }
  made.tolerance = webhook.tolerance;
  made.max_event_age = webhook.max_event_age;
  made.unrouted =
      settings.dispatch.unrouted == "dead_letter" ? Unrouted::kDeadLetter : Unrouted::kCount;
  made.max_body_bytes = sizeOf(webhook.max_body_bytes);
  made.head_max_bytes = sizeOf(gate.head_max_bytes);
  made.buffered_max_bytes = sizeOf(gate.buffered_max_bytes);
  made.connections_max = sizeOf(gate.connections_max);
  made.threads = gate.threads;
  made.read_timeout = gate.read_timeout;
  made.write_timeout = gate.write_timeout;
  made.idle_timeout = gate.idle_timeout;
  return made;
}

RunnerSettings runnerSettings(const Settings& settings) {
  const Settings::Worker& keys = settings.worker;
  RunnerSettings made;
  made.run_dir = settings.run_dir;
  made.worker.memory_max_bytes = keys.memory_max_bytes;
  made.worker.files_max = keys.files_max;
  made.worker.frame_max_bytes = sizeOf(keys.frame_max_bytes);
  made.worker.start_timeout = keys.start_timeout;
  made.worker.stop_grace = keys.stop_grace;
  made.worker.restart_backoff = keys.restart_backoff;
  made.worker.restart_backoff_max = keys.restart_backoff_max;
  return made;
}

AdminSettings adminSettings(const Settings& settings) {
  AdminSettings made;
  made.host = settings.admin_host;
  made.port = settings.admin_port;
  made.token = settings.admin_token;
  return made;
}

}  // namespace modhost::host
