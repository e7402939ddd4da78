import { invalid } from './error.ts';
import type { Params } from './params.ts';

/** Kinds of business a purchase can be made at, with the networks' codes; the usual ones. */
export const MERCHANT_CATEGORIES: Readonly<Record<string, string>> = {
  ac_refrigeration_repair: '7623',
  accounting_bookkeeping_services: '8931',
  advertising_services: '7311',
  airlines_air_carriers: '4511',
  automated_cash_disburse: '6011',
  automated_fuel_dispensers: '5542',
  bakeries: '5462',
  betting_casino_gambling: '7995',
  book_stores: '5942',
  car_rental_agencies: '7512',
  computer_network_services: '4816',
  computer_programming: '7372',
  computer_software_stores: '5734',
  computers_peripherals_and_software: '5045',
  consulting_public_relations: '7392',
  dating_escort_services: '7273',
  digital_goods_applications: '5817',
  digital_goods_games: '5816',
  digital_goods_large_volume: '5818',
  digital_goods_media: '5815',
  direct_marketing_subscription: '5968',
  drug_stores_and_pharmacies: '5912',
  eating_places_restaurants: '5812',
  educational_services: '8299',
  electronics_stores: '5732',
  fast_food_restaurants: '5814',
  grocery_stores_supermarkets: '5411',
  hotels_motels_and_resorts: '7011',
  information_retrieval_services: '7375',
  miscellaneous_business_services: '7399',
  non_fi_stored_value_card_purchase_load: '6540',
  package_stores_beer_wine_and_liquor: '5921',
  professional_services: '8999',
  service_stations: '5541',
  taxicabs_limousines: '4121',
  telecommunication_services: '4814',
  travel_agencies_tour_operators: '4722',
  utilities: '4900',
  wires_money_orders: '4829',
};

/** Those named by the parameter, each one known. */
export function categoriesIn(params: Params, path: string): string[] {
  const names = params.texts(path);
  for (const name of names) checkedCategory(name, params.name(path));
  return names;
}

export function checkedCategory(name: string, param: string): string {
  if (MERCHANT_CATEGORIES[name] !== undefined) return name;
  throw invalid(`Invalid merchant category: ${name}; the simulator knows the usual ones.`, param);
}
