//! The shape of a WIT package as text: what a component made against it depends on, and nothing else.
//!
//! Documentation, stability attributes, formatting and the order of declarations stay out; the order of cases,
//! fields and parameters is part of it. Names of types are written in full, so that a shape says where each
//! comes from.

use std::collections::BTreeSet;

use wit_parser::{
    Function, FunctionKind, Handle, InterfaceId, PackageId, Resolve, Type, TypeDefKind, TypeId,
    TypeOwner, WorldId, WorldItem, WorldKey,
};

/// The shape of one package, a line for each thing declared in it, sorted; or what in it has no rendering here.
pub(crate) fn of_package(resolve: &Resolve, package: PackageId) -> Result<String, String> {
    let shape = Shape { resolve };
    let package = &resolve.packages[package];
    let mut lines = BTreeSet::from([format!("package {}", package.name)]);
    for &id in package.interfaces.values() {
        shape.interface(id, &mut lines)?;
    }
    for &id in package.worlds.values() {
        shape.world(id, &mut lines)?;
    }
    Ok(lines.into_iter().map(|line| line + "\n").collect())
}

struct Shape<'a> {
    resolve: &'a Resolve,
}

impl Shape<'_> {
    fn interface(&self, id: InterfaceId, lines: &mut BTreeSet<String>) -> Result<(), String> {
        let name = self.interface_name(id);
        lines.insert(format!("interface {name}"));
        let interface = &self.resolve.interfaces[id];
        for &ty in interface.types.values() {
            lines.insert(format!(
                "type {} = {}",
                self.type_name(ty)?,
                self.structure(ty)?
            ));
        }
        for function in interface.functions.values() {
            lines.insert(format!("func {name}.{}", self.signature(function)?));
        }
        Ok(())
    }

    fn world(&self, id: WorldId, lines: &mut BTreeSet<String>) -> Result<(), String> {
        let world = &self.resolve.worlds[id];
        let name = self.world_name(id);
        lines.insert(format!("world {name}"));
        for (direction, items) in [("import", &world.imports), ("export", &world.exports)] {
            for (key, item) in items {
                let item = match item {
                    WorldItem::Interface { id, .. } => {
                        let alias = match key {
                            WorldKey::Name(alias) => alias.as_str(),
                            WorldKey::Interface(_) => "",
                        };
                        format!("interface {alias} {}", self.interface_name(*id))
                    }
                    WorldItem::Function(function) => format!("func {}", self.signature(function)?),
                    WorldItem::Type { id, .. } => {
                        format!("type {} = {}", self.type_name(*id)?, self.structure(*id)?)
                    }
                };
                lines.insert(format!("world {name} {direction} {item}"));
            }
        }
        Ok(())
    }

    fn signature(&self, function: &Function) -> Result<String, String> {
        match function.kind {
            // A method's name says so, and what it is a method of.
            FunctionKind::Freestanding | FunctionKind::Method(_) => {}
            _ => {
                return Err(format!(
                    "`{}` is neither a plain function nor a method",
                    function.name
                ));
            }
        }
        let params = function
            .params
            .iter()
            .map(|param| Ok(format!("{}: {}", param.name, self.ty(&param.ty)?)))
            .collect::<Result<Vec<_>, String>>()?;
        let result = self.optional(function.result.as_ref())?;
        Ok(format!(
            "{}({}) -> {result}",
            function.name,
            params.join(", ")
        ))
    }

    fn ty(&self, ty: &Type) -> Result<String, String> {
        Ok(match ty {
            Type::Bool => "bool",
            Type::U8 => "u8",
            Type::U16 => "u16",
            Type::U32 => "u32",
            Type::U64 => "u64",
            Type::S8 => "s8",
            Type::S16 => "s16",
            Type::S32 => "s32",
            Type::S64 => "s64",
            Type::F32 => "f32",
            Type::F64 => "f64",
            Type::Char => "char",
            Type::String => "string",
            Type::ErrorContext => return Err("an error-context has no rendering".to_owned()),
            Type::Id(id) if self.resolve.types[*id].name.is_some() => return self.type_name(*id),
            Type::Id(id) => return self.structure(*id),
        }
        .to_owned())
    }

    fn optional(&self, ty: Option<&Type>) -> Result<String, String> {
        ty.map_or(Ok("_".to_owned()), |ty| self.ty(ty))
    }

    /// What a type is made of; of a name that `use` or `type` introduces, what it stands for.
    fn structure(&self, id: TypeId) -> Result<String, String> {
        Ok(match &self.resolve.types[id].kind {
            TypeDefKind::Resource => "resource".to_owned(),
            TypeDefKind::Type(ty) => self.ty(ty)?,
            TypeDefKind::List(ty) => format!("list<{}>", self.ty(ty)?),
            TypeDefKind::Option(ty) => format!("option<{}>", self.ty(ty)?),
            TypeDefKind::Result(result) => {
                let (ok, err) = (
                    self.optional(result.ok.as_ref())?,
                    self.optional(result.err.as_ref())?,
                );
                format!("result<{ok}, {err}>")
            }
            TypeDefKind::Tuple(tuple) => {
                let types = tuple
                    .types
                    .iter()
                    .map(|ty| self.ty(ty))
                    .collect::<Result<Vec<_>, _>>()?;
                format!("tuple<{}>", types.join(", "))
            }
            TypeDefKind::Handle(Handle::Own(id)) => format!("own<{}>", self.type_name(*id)?),
            TypeDefKind::Handle(Handle::Borrow(id)) => format!("borrow<{}>", self.type_name(*id)?),
            TypeDefKind::Enum(cases) => {
                let cases: Vec<_> = cases.cases.iter().map(|case| case.name.as_str()).collect();
                format!("enum {{ {} }}", cases.join(", "))
            }
            TypeDefKind::Flags(flags) => {
                let flags: Vec<_> = flags.flags.iter().map(|flag| flag.name.as_str()).collect();
                format!("flags {{ {} }}", flags.join(", "))
            }
            TypeDefKind::Record(record) => {
                let fields = record
                    .fields
                    .iter()
                    .map(|field| Ok(format!("{}: {}", field.name, self.ty(&field.ty)?)))
                    .collect::<Result<Vec<_>, String>>()?;
                format!("record {{ {} }}", fields.join(", "))
            }
            TypeDefKind::Variant(variant) => {
                let cases = variant
                    .cases
                    .iter()
                    .map(|case| match &case.ty {
                        Some(ty) => Ok(format!("{}({})", case.name, self.ty(ty)?)),
                        None => Ok(case.name.clone()),
                    })
                    .collect::<Result<Vec<_>, String>>()?;
                format!("variant {{ {} }}", cases.join(", "))
            }
            other => return Err(format!("a {} has no rendering", other.as_str())),
        })
    }

    fn type_name(&self, id: TypeId) -> Result<String, String> {
        let ty = &self.resolve.types[id];
        let name = ty
            .name
            .as_deref()
            .ok_or("a type that should have a name has none")?;
        Ok(match ty.owner {
            TypeOwner::Interface(id) => format!("{}.{name}", self.interface_name(id)),
            TypeOwner::World(id) => format!("{}.{name}", self.world_name(id)),
            TypeOwner::None => name.to_owned(),
        })
    }

    fn interface_name(&self, id: InterfaceId) -> String {
        self.resolve
            .id_of(id)
            .unwrap_or_else(|| "(inline)".to_owned())
    }

    fn world_name(&self, id: WorldId) -> String {
        let world = &self.resolve.worlds[id];
        match world.package {
            Some(package) => self.resolve.id_of_name(package, &world.name),
            None => world.name.clone(),
        }
    }
}
