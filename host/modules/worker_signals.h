// Who died: a worker's handler for fatal signals.
#pragma once

namespace modhost::host {

// For the process: on SIGSEGV, SIGBUS, SIGABRT, SIGFPE and SIGILL, writes a FaultNote with the
// attempt of the thread it hit to `fault_fd`, then dies of that signal.
void tellOfFatalSignals(int fault_fd);

// For each thread: unblocks these signals (the kernel kills without a handler when they are
// blocked) and gives it a signal stack, so that a stack overflow can be told of too.
void prepareThreadForFatalSignals();

}  // namespace modhost::host
