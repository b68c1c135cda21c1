//! Tells the weather of yesterday's newspaper.
//!
//! A tool is a function: its parameters are the arguments that the model gives, its comment and theirs are what the
//! model reads. What it returns is shown to the model, an error too, so an error says what to do instead.

#![forbid(unsafe_code)]

use astrid_sdk::prelude::*;
use serde::Serialize;

/// The newspaper: a city, how warm it is in °C, and the sky of the days to come.
const CITIES: [(&str, i8, [Sky; 3]); 3] = [
    ("Lisbon", 19, [Sky::Clear, Sky::Clear, Sky::Clouds]),
    ("Nairobi", 24, [Sky::Clouds, Sky::Rain, Sky::Clear]),
    ("Oslo", 4, [Sky::Rain, Sky::Snow, Sky::Clouds]),
];

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
enum Sky {
    Clear,
    Clouds,
    Rain,
    Snow,
}

#[derive(Serialize)]
struct Forecast {
    city: &'static str,
    celsius: i8,
    /// One a day, today first.
    sky: Vec<Sky>,
}

#[derive(Default)]
struct Weather;

/// Tells the weather of yesterday's newspaper.
#[capsule]
impl Weather {
    /// Tells the weather of a city for the next days.
    #[astrid::tool]
    fn forecast(
        &self,
        /// The city's name in English, such as `Oslo`.
        city: String,
        /// How many days, today included: 1 to 3; 1 if it isn't given.
        #[schemars(range(min = 1, max = 3))]
        days: Option<usize>,
    ) -> Result<Forecast> {
        let days = days.unwrap_or(1);
        let same = |known: &&(&str, _, _)| known.0.eq_ignore_ascii_case(city.trim());
        let Some((city, celsius, sky)) = CITIES.iter().find(same) else {
            return Err(Error::msg(format!(
                "nothing is known of {city}: the tool `cities` lists those that are"
            )));
        };
        match sky.get(..days) {
            Some(sky) if days > 0 => Ok(Forecast {
                city,
                celsius: *celsius,
                sky: sky.to_vec(),
            }),
            _ => Err(Error::msg(format!(
                "`days` is 1 to {}, not {days}",
                sky.len()
            ))),
        }
    }

    /// Lists the cities whose weather is known.
    #[astrid::tool]
    fn cities(&self) -> Vec<&'static str> {
        CITIES.iter().map(|(city, ..)| *city).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use astrid_sdk::testing::Host;
    use serde_json::{Value, json};

    fn host() -> Host {
        Host::new().manifest(include_str!("../Capsule.toml"))
    }

    fn call(name: &str, arguments: Value) -> (String, bool) {
        let outcome = host().call_tool(&Weather, name, &arguments);
        (outcome.content, outcome.is_error)
    }

    #[test]
    fn a_city_has_a_forecast() {
        assert_eq!(
            call("forecast", json!({ "city": "oslo", "days": 2 })),
            (
                r#"{"city":"Oslo","celsius":4,"sky":["rain","snow"]}"#.into(),
                false
            )
        );
        assert_eq!(
            call("forecast", json!({ "city": "Lisbon" })).0,
            r#"{"city":"Lisbon","celsius":19,"sky":["clear"]}"#
        );
    }

    #[test]
    fn an_error_tells_the_model_what_to_do() {
        let check = |arguments: Value, text: &str| {
            let (content, is_error) = call("forecast", arguments);
            assert!(is_error && content.contains(text), "{content}");
        };
        check(json!({ "city": "Atlantis" }), "the tool `cities`");
        check(json!({ "city": "Oslo", "days": 4 }), "1 to 3");
        check(json!({ "city": "Oslo", "days": 0 }), "1 to 3");
        check(json!({}), "missing field `city`");
    }

    #[test]
    fn the_cities_need_no_arguments() {
        let cities = r#"["Lisbon","Nairobi","Oslo"]"#.to_owned();
        assert_eq!(call("cities", json!({})), (cities.clone(), false));
        assert_eq!(call("cities", json!(null)), (cities, false));
    }

    #[test]
    fn a_result_is_published_for_who_waits_for_it() {
        let host = host();
        host.call_tool(&Weather, "cities", &json!({}));
        assert_eq!(host.published()[0].topic, "tool.v1.execute.cities.result");
    }

    #[test]
    fn the_model_reads_what_the_comments_say() {
        let described = host().describe_tools(&Weather);
        let forecast = &described["tools"][0];
        assert_eq!(
            forecast["description"],
            "Tells the weather of a city for the next days."
        );
        let arguments = &forecast["input_schema"];
        assert_eq!(arguments["required"], json!(["city"]));
        assert_eq!(arguments["properties"]["days"]["maximum"], 3);
        assert_eq!(
            arguments["properties"]["city"]["description"],
            "The city's name in English, such as `Oslo`."
        );
    }
}
