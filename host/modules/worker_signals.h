// Who died: a worker's handler for fatal signals.
#pragma once

namespace modhost::host {

// For the process: on SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGTRAP and SIGSYS, writes a FaultNote with the
// attempt of the thread it hit to `fault_fd`, then dies of that signal.
void tellOfFatalSignals(int fault_fd);

// For the process, after tellOfFatalSignals(): when the thread that spawned it ends, so does its
// group. As a rule the end of the channel comes first; this is for a main thread that is stuck in
// the module.
void endWithHost();

// Kills this process and all that it forked, when it leads a group of its own; else only exits.
// Async-signal-safe.
[[noreturn]] void endOwnGroup();

// For each thread: unblocks these signals (the kernel kills without a handler when they are
// blocked) and gives it a signal stack, so that a stack overflow can be told of too.
void prepareThreadForFatalSignals();

}  // namespace modhost::host
