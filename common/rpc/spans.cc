#include "common/rpc/spans.h"

#include <atomic>

namespace recsae {
namespace {

std::atomic<SpanReceiver*> current{nullptr};

}  // namespace

void SetSpanReceiver(SpanReceiver* receiver) { current.store(receiver); }

SpanReceiver* CurrentSpanReceiver() { return current.load(std::memory_order_acquire); }

std::optional<TraceContext> SpanBelow(const std::optional<TraceContext>& parent, bool may_begin) {
  if (CurrentSpanReceiver() == nullptr) return parent;
  if (!parent.has_value()) return may_begin ? std::optional(NewTrace()) : std::nullopt;
  TraceContext context = *parent;
  if (context.sampled()) context.span_id = NewSpanId();
  return context;
}

bool IsExported(const std::optional<TraceContext>& context) {
  return context.has_value() && context->sampled() && CurrentSpanReceiver() != nullptr;
}

}  // namespace recsae
