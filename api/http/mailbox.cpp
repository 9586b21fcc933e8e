#include "api/http/mailbox.hpp"

#include <sys/eventfd.h>

namespace jangbu::http {

Mailbox::Mailbox() : descriptor_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd") {}

void Mailbox::post(Mail mail) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    mail_.push_back(std::move(mail));
    if (std::exchange(worker_runs_, true)) return;
  }
  wake();
}

void Mailbox::wake() {
  ::eventfd_write(descriptor_.number(), 1);
}

void Mailbox::close() {
  std::vector<Mail> unread;  // destroyed after the lock is released: what it holds may post
  const std::lock_guard lock(mutex_);
  closed_ = true;
  unread.swap(mail_);
}

void Mailbox::worker_runs() {
  const std::lock_guard lock(mutex_);
  worker_runs_ = true;
}

bool Mailbox::collect(std::vector<Mail>& mail) {
  const std::lock_guard lock(mutex_);
  mail.swap(mail_);
  worker_runs_ = !mail.empty();
  return worker_runs_;
}

}  // namespace jangbu::http
