// tools/lutra/interrupt.hpp: turns signals into a flag that long work polls, so that no half-written file is left behind.
// SPDX-License-Identifier: MIT
#pragma once
#include "failure.hpp"

#include <lutra/io/stream.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace command {

/// While it lives, the first SIGINT, SIGTERM or SIGHUP sets a flag; the second one stops the process as usual, but for SIGHUP, of
/// which shell and system send one each when a terminal goes. One that is ignored (nohup, a shell's background) stays ignored.
/// SIGPIPE is ignored: that nobody reads a report is no reason to leave work undone.
class Interrupt {
public:
    Interrupt();
    ~Interrupt();
    Interrupt(const Interrupt&) = delete;
    Interrupt& operator=(const Interrupt&) = delete;

private:
    std::array<void (*)(int), 3> before_{};  // what SIGINT, SIGTERM and SIGHUP did
    void (*pipe_before_)(int);               // and SIGPIPE
};

bool interrupted();
/// Throws Error (Errc::cancelled) once interrupted.
void check_interrupt();

/// Passes bytes on until interrupted: then writing fails, and a FileWriter behind it removes its temporary file.
class InterruptibleWriter final : public Writer {
public:
    explicit InterruptibleWriter(Writer& out) : out_(out) {}
    Status write(const void* from, std::size_t n) override;
    std::uint64_t bytes() const { return bytes_; }  ///< written so far

private:
    Writer& out_;
    std::uint64_t bytes_ = 0;
};

}  // namespace command
