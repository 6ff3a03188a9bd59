// SIGTERM, SIGUSR2 and SIGINT ask a run to stop: the step in progress is finished, a checkpoint committed, exit code 75.
#pragma once

namespace muster {

// Installs the handlers for the whole process; call once, from main. A handler only sets a flag (async-signal-safe).
void install_stop_handlers();

// The signal that asked to stop, or 0. Any thread.
int requested_stop() noexcept;

// As if the signal had arrived. Any thread.
void request_stop(int signal_number) noexcept;

}  // namespace muster
