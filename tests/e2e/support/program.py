"""A server that is a process of its own: killed, frozen, and ended for good."""
import os
import signal


class Process:
    process = None

    def kill(self):
        """What a power cut or the OOM killer does."""
        self._end(signal.SIGKILL)

    def stop(self):
        if self.process:
            self.resume()
            self._end(signal.SIGTERM)

    def _end(self, number):
        self.process.send_signal(number)
        self.process.wait(20)
        self.process = None

    def pause(self):
        """It keeps its connections, takes new ones, and says nothing: what a partition looks like."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def abandon(self):
        if self.process:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None
