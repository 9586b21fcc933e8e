#include "commands/delivery.hpp"

#include <array>
#include <catch2/catch_test_macros.hpp>

#include "tests/support/given.hpp"

namespace jangbu::test {

namespace {

using enum DeliveryStatus;

const auto purchase = bought(first_purchase, hong, {line(keyboard, 1)});

Given shop(std::initializer_list<Past> then = {}) {
  std::vector<Past> past{AccountOpened{hong}, ProductListed{keyboard}, purchase};
  past.insert(past.end(), then);
  return Given(past);
}

RecordScan record(const Scan& scan) {
  return {first_purchase, scan};
}

const ConfirmReceipt confirm{first_purchase, after_minutes(9)};

constexpr std::array carrier_statuses{label_created,    picked_up,      in_transit,
                                      out_for_delivery, attempt_failed, available_for_pickup,
                                      exception,        delivered,      returned_to_sender};

// The order that the contract gives: preparing < label-created < picked-up < {on the way} < {ends}.
int rank_in_contract(DeliveryStatus status) {
  if (status == preparing) return 0;
  if (status == label_created) return 1;
  if (status == picked_up) return 2;
  if (status == delivered || status == returned_to_sender) return 4;
  return 3;
}

}  // namespace

TEST_CASE("the first scan moves a delivery on, to whatever stage") {
  for (const auto status : carrier_statuses)
    shop().when(record(scan(status))).then(after(preparing, scanned(purchase, scan(status))));
}

TEST_CASE("a scan after a scan follows the order of the stages") {
  for (const auto before : carrier_statuses) {
    if (before == returned_to_sender) continue;  // closed: no scan follows
    for (const auto next : carrier_statuses) {
      CAPTURE(to_string(before), to_string(next));
      const Scan news = scan(next, after_minutes(1));
      const auto sentence = shop({scanned(purchase, scan(before))}).when(record(news));
      if (before == delivered && next == returned_to_sender) {
        sentence.then(refusal::IllegalStatusChange{first_purchase, before, next});
      } else if (rank_in_contract(next) >= rank_in_contract(before)) {
        sentence.then(after(before, scanned(purchase, news)));
      } else {
        sentence.then(after(before, scanned(purchase, news, before)));
      }
    }
  }
}

TEST_CASE("a scan that is further on is news, whenever it says it occurred") {
  const Scan on_its_way = scan(out_for_delivery, after_minutes(10));
  const Scan arrived = scan(delivered, after_minutes(5));
  shop({scanned(purchase, on_its_way)})
      .when(record(arrived))
      .then(after(out_for_delivery, scanned(purchase, arrived)));
  for (const auto before : carrier_statuses) {
    for (const auto next : carrier_statuses) {
      if (rank_in_contract(next) <= rank_in_contract(before)) continue;
      CAPTURE(to_string(before), to_string(next));
      const Scan news = scan(next, after_minutes(-60));
      shop({scanned(purchase, scan(before))})
          .when(record(news))
          .then(after(before, scanned(purchase, news)));
    }
  }
  SECTION("and its receipt can be confirmed") {
    shop({scanned(purchase, on_its_way), scanned(purchase, arrived)})
        .when(confirm)
        .then(ReceiptConfirmed{first_purchase, hong.account, after_minutes(9)});
  }
}

// As builds before this one recorded it, and left the delivery where it was for good.
TEST_CASE("a scan that is further on and was passed over is news when it comes again") {
  const Scan arrived = scan(delivered, after_minutes(5));
  const auto stuck = shop({scanned(purchase, scan(out_for_delivery, after_minutes(10))),
                           scanned(purchase, arrived, out_for_delivery)});
  stuck.when(record(arrived)).then(after(out_for_delivery, scanned(purchase, arrived)));
}

TEST_CASE("a scan as far on that occurred before the last of it is history, not news") {
  const Scan last = scan(in_transit, after_minutes(10));
  const Scan earlier = scan(out_for_delivery, after_minutes(9));
  const Scan same_time = scan(out_for_delivery, after_minutes(10));
  const Scan later = scan(out_for_delivery, after_minutes(11));
  const auto delivery = shop({scanned(purchase, last)});
  delivery.when(record(earlier)).then(after(in_transit, scanned(purchase, earlier, in_transit)));
  delivery.when(record(same_time)).then(after(in_transit, scanned(purchase, same_time)));
  delivery.when(record(later)).then(after(in_transit, scanned(purchase, later)));
  SECTION("the last by its time, not by when it came") {
    const Scan between = scan(out_for_delivery, {after_minutes(10).ms - 1});
    shop({scanned(purchase, last), scanned(purchase, earlier, in_transit)})
        .when(record(between))
        .then(after(in_transit, scanned(purchase, between, in_transit)));
  }
  SECTION("the last of those as far on, whatever of another rank was later") {
    const Scan late_label = scan(label_created, after_minutes(30));
    shop({scanned(purchase, last), scanned(purchase, late_label, in_transit)})
        .when(record(later))
        .then(after(in_transit, scanned(purchase, later)));
  }
  SECTION("at an end, too") {
    const Scan arrived = scan(delivered, after_minutes(5));
    const Scan before = scan(delivered, after_minutes(4));
    shop({scanned(purchase, arrived)})
        .when(record(before))
        .then(after(delivered, scanned(purchase, before)));
  }
}

TEST_CASE("the same scan again changes nothing") {
  const Scan first = scan(picked_up, after_minutes(1));
  const Scan second = scan(in_transit, after_minutes(2));
  const auto delivery = shop({scanned(purchase, first), scanned(purchase, second)});
  delivery.when(record(first)).then(as_it_is);
  delivery.when(record(second)).then(as_it_is);
  SECTION("a scan that differs in anything is another") {
    std::array<Scan, 6> others{second, second, second, second, second, second};
    others[0].carrier = "우체국";
    others[1].tracking_number = "2";
    others[2].status = exception;
    others[3].location = "옥천 HUB";
    others[4].code = "42";
    others[5].occurred_at = after_minutes(3);
    for (const Scan& other : others)
      delivery.when(record(other)).then(after(in_transit, scanned(purchase, other)));
  }
  SECTION("after delivery too") {
    const Scan end = scan(delivered, after_minutes(3));
    shop({scanned(purchase, end)}).when(record(end)).then(as_it_is);
  }
}

TEST_CASE("what is delivered is not returned, and the other way round") {
  const Scan arrived = scan(delivered, after_minutes(5));
  shop({scanned(purchase, arrived)})
      .when(record(scan(returned_to_sender, after_minutes(6))))
      .then(refusal::IllegalStatusChange{first_purchase, delivered, returned_to_sender});
  // A returned delivery is closed, and whoever keeps the closed ones answers.
  shop({scanned(purchase, scan(returned_to_sender))})
      .when(record(arrived))
      .then(refusal::NoOpenPurchase{first_purchase});
}

TEST_CASE("a second delivered scan is recorded") {
  const Scan again = scan(delivered, after_minutes(6));
  shop({scanned(purchase, scan(delivered, after_minutes(5)))})
      .when(record(again))
      .then(after(delivered, scanned(purchase, again)));
}

TEST_CASE("only open deliveries are scanned") {
  const RecordScan command = record(scan(in_transit));
  given().when(command).then(refusal::NoOpenPurchase{first_purchase});
  shop({test::cancelled(purchase, "")}).when(command).then(refusal::NoOpenPurchase{first_purchase});
  shop(
      {scanned(purchase, scan(delivered)), ReceiptConfirmed{first_purchase, hong.account, opening}})
      .when(command)
      .then(refusal::NoOpenPurchase{first_purchase});
}

TEST_CASE("a delivery has so many scans and no more") {
  std::vector<Past> past{AccountOpened{hong}, ProductListed{keyboard}, purchase};
  for (std::size_t minute = 1; minute < max_scans; ++minute)
    past.push_back(
        scanned(purchase, scan(in_transit, after_minutes(static_cast<std::int64_t>(minute)))));
  const Scan last = scan(in_transit, after_minutes(max_scans));
  Given(past).when(record(last)).then(after(in_transit, scanned(purchase, last)));
  past.push_back(scanned(purchase, last));
  Given(past)
      .when(record(scan(delivered, after_minutes(max_scans + 1))))
      .then(refusal::TooManyScans{first_purchase});
  Given(past).when(record(last)).then(as_it_is);
  SECTION("those of former builds had more, which stay") {
    for (std::size_t minute = max_scans + 1; minute <= 1'000; ++minute)
      past.push_back(
          scanned(purchase, scan(in_transit, after_minutes(static_cast<std::int64_t>(minute)))));
    const Given full(past);
    CHECK(full.shop().purchases.find(first_purchase)->scans.size() == 1'000);
    full.when(record(scan(delivered, after_minutes(1'001))))
        .then(refusal::TooManyScans{first_purchase});
    full.when(record(last)).then(as_it_is);
    full.when(CancelPurchase{first_purchase, "", opening})
        .then(refusal::AlreadyShipped{first_purchase, in_transit});
  }
}

TEST_CASE("a buyer confirms the receipt of what was delivered") {
  const ReceiptConfirmed confirmed{first_purchase, hong.account, after_minutes(9)};
  shop({scanned(purchase, scan(delivered))}).when(confirm).then(confirmed);
  SECTION("after the account was closed too") {
    shop({scanned(purchase, scan(delivered)), AccountClosed{hong, opening}})
        .when(confirm)
        .then(confirmed);
  }
  SECTION("even if a scan that came late says otherwise") {
    shop({scanned(purchase, scan(delivered, after_minutes(5))),
          scanned(purchase, scan(attempt_failed, after_minutes(4)), delivered)})
        .when(confirm)
        .then(confirmed);
  }
}

TEST_CASE("a receipt is not confirmed") {
  SECTION("before delivery") {
    shop().when(confirm).then(refusal::NotDelivered{first_purchase, preparing});
    for (const auto status : carrier_statuses) {
      if (status == delivered || status == returned_to_sender) continue;
      shop({scanned(purchase, scan(status))})
          .when(confirm)
          .then(refusal::NotDelivered{first_purchase, status});
    }
  }
  SECTION("of a delivery that is closed or unknown") {
    given().when(confirm).then(refusal::NoOpenPurchase{first_purchase});
    shop({test::cancelled(purchase, "")})
        .when(confirm)
        .then(refusal::NoOpenPurchase{first_purchase});
    shop({scanned(purchase, scan(returned_to_sender))})
        .when(confirm)
        .then(refusal::NoOpenPurchase{first_purchase});
    shop({scanned(purchase, scan(delivered)),
          ReceiptConfirmed{first_purchase, hong.account, opening}})
        .when(confirm)
        .then(refusal::NoOpenPurchase{first_purchase});
  }
}

TEST_CASE("carriers report every stage from the label to an end, and no other") {
  for (const auto status : carrier_statuses) CHECK(is_carrier_status(status));
  CHECK_FALSE(is_carrier_status(preparing));
  CHECK_FALSE(is_carrier_status(DeliveryStatus::cancelled));
  CHECK_FALSE(is_carrier_status(receipt_confirmed));
}

}  // namespace jangbu::test
