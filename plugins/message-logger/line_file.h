// LineFile: a file that lines are added to, by this process and maybe by others.
#pragma once

#include <sys/stat.h>

#include <mutex>
#include <string>

namespace message_logger {

// Each line is one write() to a file opened with O_APPEND, so that lines of several writers never
// mix. A line that could not be written whole (disk full) is closed off by the next one: at most
// that line is broken. The file is made with mode 0600. When it was moved away or removed (log
// rotation), the next append makes a new one.
//
// A line is with the kernel when append() returns: it survives the process, not a power cut.
//
// Threads: append() from any thread.
class LineFile {
 public:
  // A relative path is taken from the working directory of now. Opens the file; throws
  // std::system_error.
  explicit LineFile(const std::string& path);
  ~LineFile();
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;

  // `line` without its newline. Throws std::system_error: the line is not in the file, or not
  // whole.
  void append(const std::string& line);

 private:
  void open();
  void close() noexcept;
  bool wasMovedAway() const;
  bool endsInsideLine() const;

  const std::string path_;  // absolute
  std::mutex mutex_;        // guards what follows
  int fd_ = -1;             // -1: closed
  bool inside_line_ = false;
};

}  // namespace message_logger
