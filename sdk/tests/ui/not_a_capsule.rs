use astrid_sdk::testing::Host;

struct Guard;

fn main() {
    Host::new().invoke(&Guard, "check", &());
}
