"use strict";

const PER_PAGE = 12;
const part = (id) => document.getElementById(id);
let page = 1;

function card(product) {
  const item = document.createElement("li");
  const add = (tag, text) => {
    const element = document.createElement(tag);
    element.textContent = text;
    item.append(element);
  };
  add("strong", product.name);
  add("em", product.price.toFixed(2));
  if (product.description) add("p", product.description);
  return item;
}

function show(list) {
  part("state").textContent = `${list.total} products`;
  part("products").replaceChildren(...list.products.map(card));
  part("page").textContent = `${list.page} of ${list.pages}`;
  part("back").disabled = list.page <= 1;
  part("next").disabled = list.page >= list.pages;
}

async function load() {
  const state = part("state");
  try {
    const response = await fetch(`/api/products?page=${page}&per_page=${PER_PAGE}`);
    if (!response.ok) throw new Error(`the product service answered ${response.status}`);
    show(await response.json());
    state.classList.remove("failed");
  } catch (error) {
    state.textContent = `Products could not be loaded: ${error.message}`;
    state.classList.add("failed");
  }
}

function turn(by) {
  page += by;
  load();
}

part("back").addEventListener("click", () => turn(-1));
part("next").addEventListener("click", () => turn(1));
load();
