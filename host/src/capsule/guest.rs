//! The guest's side of the contract, one world for each entry point.

pub(super) mod interceptor {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "astrid:guest/interceptor@1.0.0",
        exports: { default: async },
        anyhow: false,
    });
}

pub(super) mod installable {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "astrid:guest/installable@1.0.0",
        exports: { default: async },
        anyhow: false,
    });
}

pub(super) mod background {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "astrid:guest/background@1.0.0",
        exports: { default: async },
        anyhow: false,
    });
}

pub(super) mod upgradable {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "astrid:guest/upgradable@1.0.0",
        exports: { default: async },
        anyhow: false,
    });
}

pub(super) use interceptor::astrid::guest::lifecycle::CapsuleResult;
