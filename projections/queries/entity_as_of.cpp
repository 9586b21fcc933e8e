#include "projections/queries/entity_as_of.hpp"

#include <memory>
#include <utility>

#include "infra/log.hpp"
#include "projections/tables/history.hpp"

namespace jangbu {

namespace {

// Events of a purchase per query: few purchases have more, and those take several queries.
constexpr std::size_t events_at_once = 100;

class ViewOf {
 public:
  explicit ViewOf(EventId id) : id_(id) {}

  std::optional<EntityView> operator()(const AccountClosed& event) const {
    return account({event.state, event.closed_at, id_});
  }
  std::optional<EntityView> operator()(const ProductWithdrawn& event) const {
    return product({event.state, event.withdrawn_at, id_});
  }
  std::optional<EntityView> operator()(const PurchaseCompleted& event) const {
    return purchase(evolve(event, id_));
  }
  std::optional<EntityView> operator()(const PurchaseCancelled& event) const {
    return purchase({.purchase = {.purchase = event.purchase,
                                  .buyer = event.buyer,
                                  .recipient = event.recipient,
                                  .lines = event.lines,
                                  .total = event.total,
                                  .quote = {},
                                  .purchased_at = event.purchased_at},
                     .status = DeliveryStatus::cancelled,
                     .scans = {},
                     .closed_at = event.cancelled_at,
                     .purchase_version = id_,
                     .delivery_version = id_});
  }
  template <OneOf<DeliveryScanned, ReceiptConfirmed, NothingChanged> Fact>
  std::optional<EntityView> operator()(const Fact&) const {
    return std::nullopt;
  }
  template <OneOf<AccountOpened, AddressChanged, AccountDetailsChanged> Fact>
  std::optional<EntityView> operator()(const Fact& fact) const {
    return account({fact.state, std::nullopt, id_});
  }
  template <OneOf<ProductListed, PriceChanged, StockChanged> Fact>
  std::optional<EntityView> operator()(const Fact& fact) const {
    return product({fact.state, std::nullopt, id_});
  }

 private:
  static EntityView account(AccountView view) {
    return std::make_shared<const AccountView>(std::move(view));
  }
  static EntityView product(ProductView view) {
    return std::make_shared<const ProductView>(std::move(view));
  }
  static EntityView purchase(PurchaseView view) {
    return std::make_shared<const PurchaseView>(std::move(view));
  }

  EventId id_;
};

// Folds a purchase, event by event.
class PurchaseFold {
 public:
  // False when the event does not follow from those before it.
  bool take(const HistoryRow& row) {
    return std::visit([&](const auto& event) { return on(event, row); }, row.recorded.event);
  }

  // Nothing before its first event.
  std::optional<EntityView> view() && {
    if (!view_) return std::nullopt;
    return std::make_shared<const PurchaseView>(*std::move(view_));
  }

 private:
  bool on(const PurchaseCompleted& event, const HistoryRow& row) {
    if (view_) return false;
    view_ = evolve(event, row.id);
    return true;
  }
  bool on(const DeliveryScanned& event, const HistoryRow& row) {
    if (!view_) return false;
    view_ = evolve(*std::move(view_), event, row.id, row.recorded.envelope.occurred_at);
    return true;
  }
  template <OneOf<PurchaseCancelled, ReceiptConfirmed> Fact>
  bool on(const Fact& event, const HistoryRow& row) {
    if (!view_) return false;
    view_ = evolve(*std::move(view_), event, row.id);
    return true;
  }
  // Events of another kind of entity, or in no entity's history.
  template <OneOf<AccountFacts, ProductFacts, NothingChanged> Fact>
  bool on(const Fact&, const HistoryRow&) {
    return false;
  }

  std::optional<PurchaseView> view_;
};

Unavailable broken(const Entity& entity, EventId id) {
  const std::string what = "the read model 'history' has an event of " +
                           std::string(to_string(entity.kind)) + ' ' + to_string(entity.id) +
                           " that cannot be one of it, " + to_string(id);
  log::error("{}", what);
  return Unavailable(what);
}

// The reasons for having no answer are the same for every query.
template <class T>
PastEntity unanswered(QueryResult<T> result) {
  return std::visit(
      [](auto& why) -> PastEntity {
        if constexpr (requires { why.value; }) {
          invariant(false, "only what has no answer is passed on");
          return Unavailable("");
        } else {
          return std::move(why);
        }
      },
      result);
}

// Every event of an account or a product carries its whole state, so the last one is enough.
void find_last(ReadModels& read_models, const Entity& entity, EventId until, ReadAt at,
               std::function<void(PastEntity)> done) {
  using Found = std::optional<HistoryRow>;
  read_models.query<Found>(
      last_event_of(entity, until), at,
      [entity, done = std::move(done)](QueryResult<Found> result) {
        const auto* found = std::get_if<Answer<Found>>(&result);
        if (!found) return done(unanswered(std::move(result)));
        if (!found->value) return done(Answer<std::optional<EntityView>>{{}, found->position});
        const auto& [id, recorded] = *found->value;
        if (entity_of(recorded.event) != entity) return done(broken(entity, id));
        done(Answer<std::optional<EntityView>>{view_of(recorded.event, id), found->position});
      });
}

struct Folding {
  ReadModels& read_models;
  Entity entity;
  EventId until;
  ReadAt at;
  std::function<bool()> is_wanted;
  std::function<void(PastEntity)> done;
  PurchaseFold purchase = {};
};

// Events in the read model never change, so it is safe to continue from one answer to the next.
void fold_after(const std::shared_ptr<Folding>& folding, std::optional<EventId> after) {
  using Events = Page<HistoryRow>;
  folding->read_models.query<Events>(
      history_of(folding->entity, {.limit = events_at_once, .after = after}, folding->until),
      folding->at, [folding](QueryResult<Events> result) {
        const auto* events = std::get_if<Answer<Events>>(&result);
        if (!events) return folding->done(unanswered(std::move(result)));
        for (const HistoryRow& row : events->value.items)
          if (!folding->purchase.take(row)) return folding->done(broken(folding->entity, row.id));
        if (events->value.more) {
          if (!folding->is_wanted()) return folding->done(Unavailable("nobody wants it any more"));
          return fold_after(folding, events->value.items.back().id);
        }
        folding->done(Answer<std::optional<EntityView>>{std::move(folding->purchase).view(),
                                                        events->position});
      });
}

}  // namespace

std::optional<EntityView> view_of(const Event& event, EventId id) {
  return std::visit(ViewOf{id}, event);
}

void find_entity_as_of(ReadModels& read_models, const Entity& entity, EventId until, ReadAt at,
                       std::function<bool()> is_wanted, std::function<void(PastEntity)> done) {
  if (entity.kind != EntityKind::purchase)
    return find_last(read_models, entity, until, at, std::move(done));
  fold_after(std::make_shared<Folding>(
                 Folding{read_models, entity, until, at, std::move(is_wanted), std::move(done)}),
             std::nullopt);
}

}  // namespace jangbu
