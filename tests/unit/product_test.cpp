#include "commands/product.hpp"

#include <catch2/catch_test_macros.hpp>

#include "tests/support/given.hpp"

namespace jangbu::test {

namespace {

const ListProduct list_keyboard{.product = keyboard.product,
                                .name = keyboard.name,
                                .unit_price = keyboard.unit_price,
                                .stock = keyboard.stock,
                                .description = keyboard.description,
                                .at = opening};

ProductState stocked(ProductState product, std::int64_t stock) {
  product.stock = stock;
  return product;
}

ProductState priced(ProductState product, const Money& price) {
  product.unit_price = price;
  return product;
}

const auto three_keyboards_sold = bought(first_purchase, hong, {line(keyboard, 3)});

}  // namespace

TEST_CASE("a product is listed") {
  given().when(list_keyboard).then(ProductListed{keyboard});
  given(ProductListed{tea}).when(list_keyboard).then(ProductListed{keyboard});
}

TEST_CASE("a name belongs to one product on sale") {
  ListProduct namesake = list_keyboard;
  namesake.product = id<ProductId>(0xff);
  given(ProductListed{keyboard})
      .when(namesake)
      .then(refusal::ProductNameTaken{keyboard.name, keyboard.product});
  SECTION("a withdrawn product gives its name back") {
    ProductState another = keyboard;
    another.product = namesake.product;
    given(ProductListed{keyboard}, ProductWithdrawn{keyboard, opening})
        .when(namesake)
        .then(ProductListed{another});
  }
}

TEST_CASE("a price is changed") {
  const ChangePrice cheaper{keyboard.product, won(35'000)};
  given(ProductListed{keyboard}).when(cheaper).then(PriceChanged{priced(keyboard, won(35'000))});
  SECTION("the same one changes nothing, and the answer shows the stock of now") {
    given(ProductListed{keyboard})
        .when(ChangePrice{keyboard.product, keyboard.unit_price})
        .then(as_it_is);
    given(AccountOpened{hong}, ProductListed{keyboard}, three_keyboards_sold)
        .when(ChangePrice{keyboard.product, keyboard.unit_price})
        .then(as_it_is);
  }
  SECTION("the event carries the stock of now") {
    given(AccountOpened{hong}, ProductListed{keyboard}, three_keyboards_sold)
        .when(cheaper)
        .then(PriceChanged{stocked(priced(keyboard, won(35'000)), 97)});
  }
  SECTION("another currency is another price") {
    given(ProductListed{keyboard})
        .when(ChangePrice{keyboard.product, dollars(39'900)})
        .then(PriceChanged{priced(keyboard, dollars(39'900))});
  }
  SECTION("not of a product that is not there") {
    given().when(cheaper).then(refusal::ProductNotFound{to_string(keyboard.product)});
  }
  SECTION("nor of one that is withdrawn") {
    given(ProductListed{keyboard}, ProductWithdrawn{keyboard, opening})
        .when(cheaper)
        .then(refusal::ProductIsWithdrawn{keyboard.product});
  }
}

TEST_CASE("stock is received and corrected") {
  const auto change = [](std::int64_t pieces) {
    return ChangeStock{keyboard.product, pieces, "실사"};
  };
  given(ProductListed{keyboard})
      .when(change(20))
      .then(StockChanged{stocked(keyboard, 120), 20, "실사"});
  given(ProductListed{keyboard})
      .when(change(-1))
      .then(StockChanged{stocked(keyboard, 99), -1, "실사"});
  SECTION("from what the purchases left") {
    given(AccountOpened{hong}, ProductListed{keyboard}, three_keyboards_sold)
        .when(change(3))
        .then(StockChanged{keyboard, 3, "실사"});
  }
  SECTION("down to nothing, and not below") {
    given(ProductListed{keyboard})
        .when(change(-100))
        .then(StockChanged{stocked(keyboard, 0), -100, "실사"});
    given(ProductListed{keyboard})
        .when(change(-101))
        .then(refusal::InsufficientStock{keyboard.product, keyboard.name, 101, 100});
    given(AccountOpened{hong}, ProductListed{keyboard}, three_keyboards_sold)
        .when(change(-98))
        .then(refusal::InsufficientStock{keyboard.product, keyboard.name, 98, 97});
  }
  SECTION("up to what can be counted, and not above") {
    given(ProductListed{keyboard})
        .when(change(max_stock - 100))
        .then(StockChanged{stocked(keyboard, max_stock), max_stock - 100, "실사"});
    given(ProductListed{keyboard})
        .when(change(max_stock - 99))
        .then(refusal::StockTooLarge{keyboard.product});
  }
  SECTION("downwards always, also when a cancelled purchase has lifted it above that") {
    const auto above = given(AccountOpened{hong}, ProductListed{keyboard}, three_keyboards_sold,
                             StockChanged{stocked(keyboard, max_stock), max_stock - 97, ""},
                             test::cancelled(three_keyboards_sold, ""));
    above.when(change(-1)).then(StockChanged{stocked(keyboard, max_stock + 2), -1, "실사"});
    above.when(change(-3)).then(StockChanged{stocked(keyboard, max_stock), -3, "실사"});
    above.when(change(1)).then(refusal::StockTooLarge{keyboard.product});
    above.when(ChangePrice{keyboard.product, won(1)})
        .then(PriceChanged{stocked(priced(keyboard, won(1)), max_stock + 3)});
  }
  SECTION("by any number that can be written") {
    constexpr auto least = std::numeric_limits<std::int64_t>::min();
    constexpr auto most = std::numeric_limits<std::int64_t>::max();
    given(ProductListed{keyboard})
        .when(change(most))
        .then(refusal::StockTooLarge{keyboard.product});
    given(ProductListed{keyboard})
        .when(change(least + 1))
        .then(refusal::InsufficientStock{keyboard.product, keyboard.name, most, 100});
  }
  SECTION("not of a product that is not there") {
    given().when(change(1)).then(refusal::ProductNotFound{to_string(keyboard.product)});
  }
  SECTION("nor of one that is withdrawn") {
    given(ProductListed{keyboard}, ProductWithdrawn{keyboard, opening})
        .when(change(1))
        .then(refusal::ProductIsWithdrawn{keyboard.product});
  }
}

TEST_CASE("a product is withdrawn") {
  const WithdrawProduct withdraw{keyboard.product, after_minutes(5)};
  given(ProductListed{keyboard}).when(withdraw).then(ProductWithdrawn{keyboard, after_minutes(5)});
  SECTION("with the stock it has by then") {
    given(AccountOpened{hong}, ProductListed{keyboard}, three_keyboards_sold)
        .when(withdraw)
        .then(ProductWithdrawn{stocked(keyboard, 97), after_minutes(5)});
  }
  SECTION("and stays so since then") {
    given(ProductListed{keyboard}, ProductWithdrawn{keyboard, opening})
        .when(withdraw)
        .then(as_it_is);
  }
  SECTION("even when a cancelled purchase brings pieces back") {
    given(AccountOpened{hong}, ProductListed{keyboard}, three_keyboards_sold,
          ProductWithdrawn{stocked(keyboard, 97), opening}, cancelled(three_keyboards_sold, ""))
        .when(withdraw)
        .then(as_it_is);
  }
  SECTION("unless it is not there") {
    given().when(withdraw).then(refusal::ProductNotFound{to_string(keyboard.product)});
  }
}

TEST_CASE("products are found by id, and by name while they are on sale") {
  const Shop on_sale = given(ProductListed{keyboard}).shop();
  for (const ProductRef& reference : {ProductRef{keyboard.product}, ProductRef{keyboard.name}}) {
    const auto found = find(on_sale, reference);
    REQUIRE(found);
    CHECK(found->product == keyboard.product);
    CHECK(found->name == keyboard.name);
    CHECK(found->unit_price == keyboard.unit_price);
    CHECK_FALSE(found->withdrawn_at);
  }
  CHECK_FALSE(find(on_sale, ProductRef{tea.product}));
  CHECK_FALSE(find(on_sale, ProductRef{tea.name}));

  const Shop withdrawn = given(ProductListed{keyboard}, ProductWithdrawn{keyboard, opening}).shop();
  CHECK(find(withdrawn, ProductRef{keyboard.product}));
  CHECK_FALSE(find(withdrawn, ProductRef{keyboard.name}));
}

}  // namespace jangbu::test
