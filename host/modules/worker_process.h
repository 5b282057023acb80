// WorkerProcess: one `modhost worker` child with its four wires (channel, fault pipe, stderr,
// pidfd), and no policy. Threads: one, the one that spawned it. No call blocks but the destructor.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/base/fd.h"
#include "host/base/result.h"
#include "host/modules/worker_protocol.h"

namespace modhost::host {

class WorkerProcess {
 public:
  // Starts `program worker` in a process group of its own, with nothing inherited but the wires and
  // of the environment PATH, TZ and LANG, so no secret is in it. kUnavailable: the system has no
  // process or no file descriptor left, or the program cannot be run.
  static Result<std::unique_ptr<WorkerProcess>> spawn(const std::string& program,
                                                      std::size_t frame_max_bytes);

  // Kills the whole group unless it is reaped already, and waits for it.
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  pid_t pid() const { return pid_; }
  int channelFd() const { return channel_.get(); }  // -1 after readChannel() said false
  int stderrFd() const { return stderr_.get(); }    // -1 after its end
  int pidFd() const { return pidfd_.get(); }        // readable: it is dead

  // Queues the frame and writes what the socket takes; flush() writes on. Errors show as the
  // channel's end.
  void send(const Frame& frame);
  void flush();
  std::size_t unsentBytes() const { return unsent_.size() - sent_; }

  // Reads once, what there is, up to 64 KiB. kEnd: the other side is closed.
  enum class Read { kSome = 1, kNothing, kEnd };
  Read readChannel();
  // What both have read so far.
  std::int64_t bytesRead() const { return bytes_read_; }
  Result<std::optional<Frame>> nextFrame() { return decoder_.next(); }
  // Whole lines of stderr that have arrived; longer ones are cut at kStderrLineBytesMax.
  std::vector<std::string> readLines();
  // The first fatal signal a thread of it told of.
  std::optional<FaultNote> readFault();

  // Sends a signal to the process (SIGKILL: to its group); never to a stranger that has its old
  // pid.
  void signal(int number);
  // Now; 0 when it cannot be known.
  struct Memory {
    std::int64_t address_space_bytes = 0, resident_bytes = 0;
  };
  Memory memory() const;

  // After pidFd() became readable: kills what is left of the group, reaps, and says in words how it
  // ended: "killed by signal 11 (SIGSEGV)", "exited with status 3".
  struct End {
    std::string words;
    int signal = 0;  // 0: it exited
  };
  End reap();

 private:
  explicit WorkerProcess(std::size_t frame_max_bytes) : decoder_(frame_max_bytes) {}

  pid_t pid_ = -1;
  bool reaped_ = false;
  Fd channel_, fault_, stderr_, pidfd_;
  FrameDecoder decoder_;
  std::string unsent_;
  std::size_t sent_ = 0;  // bytes of unsent_ that are out
  std::string line_;      // the unfinished one
  std::int64_t bytes_read_ = 0;
};

inline constexpr std::size_t kStderrLineBytesMax = 4 * 1024;

}  // namespace modhost::host
