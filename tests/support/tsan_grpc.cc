// Tells ThreadSanitizer of gRPC, which Debian compiles without it: that what a thread did before it
// gave gRPC a batch or a message is known to the thread that gets its end or reads the message. A
// program that is linked with this file calls these functions in place of gRPC's, and so do the
// libraries that it loads. What else gRPC synchronises it does under absl::Mutex (tsan_absl.cc), or
// is suppressed below. What goes through a socket is not known to come after what was done before
// it was sent: a test that looks at what its own server did takes a lock that the server's call
// held.

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/slice.h>
#include <grpcpp/support/server_callback.h>
#include <sanitizer/tsan_interface.h>

#include "tests/support/tsan_real.h"

// What a program starts with, beside what TSAN_OPTIONS says. Libraries that are not instrumented
// and synchronise by atomics; of what they do, these leave out what ThreadSanitizer sees of it all
// the same: calls of memcpy, free and the like, and inline functions of theirs. RocksDB's waits are
// pthread's, which ThreadSanitizer must see: of it, races with a frame of its own are left out.
extern "C" const char* __tsan_default_suppressions();

const char* __tsan_default_suppressions() {
  return "called_from_lib:libabsl_graphcycles_internal.so\n"
         "called_from_lib:libabsl_status.so\n"
         "called_from_lib:libabsl_cord.so\n"
         "called_from_lib:libabsl_time.so\n"
         "called_from_lib:libabsl_time_zone.so\n"
         "called_from_lib:libcpp-httplib.so\n"
         "called_from_lib:libgpr.so\n"
         "called_from_lib:libgrpc.so\n"
         "called_from_lib:libgrpc++.so\n"
         "called_from_lib:libprotobuf.so\n"
         "called_from_lib:libupb.so\n"
         "race:librocksdb.so\n";
}

namespace {

void* Start(grpc_slice& slice) { return GRPC_SLICE_START_PTR(slice); }

}  // namespace

extern "C" {

grpc_call_error grpc_call_start_batch(grpc_call* call, const grpc_op* ops, size_t count, void* tag,
                                      void* reserved) {
  __tsan_release(tag);
  // A message that stays in the process is read from the very bytes that were written.
  for (const grpc_op* op = ops; op != ops + count; ++op) {
    if (op->op != GRPC_OP_SEND_MESSAGE || op->data.send_message.send_message == nullptr) continue;
    auto& message = op->data.send_message.send_message->data.raw.slice_buffer;
    for (size_t i = 0; i < message.count; ++i) __tsan_release(Start(message.slices[i]));
  }
  return RECSAE_REAL(decltype(grpc_call_start_batch), "grpc_call_start_batch")(call, ops, count,
                                                                               tag, reserved);
}

grpc_event grpc_completion_queue_next(grpc_completion_queue* queue, gpr_timespec deadline,
                                      void* reserved) {
  const grpc_event event = RECSAE_REAL(decltype(grpc_completion_queue_next),
                                       "grpc_completion_queue_next")(queue, deadline, reserved);
  if (event.type == GRPC_OP_COMPLETE) __tsan_acquire(event.tag);
  return event;
}

grpc_event grpc_completion_queue_pluck(grpc_completion_queue* queue, void* tag,
                                       gpr_timespec deadline, void* reserved) {
  const grpc_event event =
      RECSAE_REAL(decltype(grpc_completion_queue_pluck), "grpc_completion_queue_pluck")(
          queue, tag, deadline, reserved);
  if (event.type == GRPC_OP_COMPLETE) __tsan_acquire(event.tag);
  return event;
}

int grpc_byte_buffer_reader_init(grpc_byte_buffer_reader* reader, grpc_byte_buffer* buffer) {
  auto& message = buffer->data.raw.slice_buffer;
  for (size_t i = 0; i < message.count; ++i) __tsan_acquire(Start(message.slices[i]));
  return RECSAE_REAL(decltype(grpc_byte_buffer_reader_init), "grpc_byte_buffer_reader_init")(
      reader, buffer);
}

// grpc::internal::CallbackWithSuccessTag::StaticRun: how a batch's end reaches the callback API. An
// inline function, which is not one that a program may define; the linker takes this one before
// those.
#define RUN_TAG \
  "_ZN4grpc8internal22CallbackWithSuccessTag9StaticRunEP29grpc_completion_queue_functori"
void recsae_run_tag(grpc_completion_queue_functor* tag, int ok) __asm__(RUN_TAG);
void recsae_run_tag(grpc_completion_queue_functor* tag, int ok) {
  __tsan_acquire(tag);
  RECSAE_REAL(void(grpc_completion_queue_functor*, int), RUN_TAG)(tag, ok);
}

}  // extern "C"

namespace grpc::internal {

// What comes last of a call's ends, in whichever thread, tells its reactor of them: they are
// counted down in code of ours, which is instrumented, and in gRPC's.
void ServerCallbackCall::ScheduleOnDone(bool inline_ondone) {
  __tsan_acquire(&callbacks_outstanding_);
  RECSAE_REAL(void(ServerCallbackCall*, bool),
              "_ZN4grpc8internal18ServerCallbackCall14ScheduleOnDoneEb")
  (this, inline_ondone);
}

void ServerCallbackCall::CallOnCancel(ServerReactor* reactor) {
  __tsan_acquire(&on_cancel_conditions_remaining_);
  RECSAE_REAL(void(ServerCallbackCall*, ServerReactor*),
              "_ZN4grpc8internal18ServerCallbackCall12CallOnCancelEPNS0_13ServerReactorE")
  (this, reactor);
}

}  // namespace grpc::internal
