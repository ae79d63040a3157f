//! Turns schemas into named types, and resolves references by name.

use std::collections::BTreeMap;

use heck::{ToPascalCase, ToSnakeCase};
use serde_json::{Map, Value as Json};

use super::{Definition, Field, Format, Member, Page, Shape, Step, Told, Type};
use crate::description::operation::{Operation, Paging, Parameter};
use crate::description::reference::Reference;
use crate::description::schema::{Additional, Kind, Property, Schema};
use crate::description::{Description, Named, ROOT};
use crate::refusal::{Refusal, Refusals, Spot};

/// All named types while the model is built.
#[derive(Debug, Default)]
pub(super) struct Definitions(BTreeMap<String, Entry>);

/// A named type, the file that it belongs to, and where it stands there.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) file: String,
    pub(super) order: usize,
    pub(super) spot: Spot,
    pub(super) definition: Definition,
}

impl Definitions {
    /// Takes every schema of the description.
    pub(super) fn collect(description: &Description, refusals: &mut Refusals) -> Self {
        let mut all = Self::default();
        let shared = description.shared.iter().map(|named| (ROOT, named));
        let own = description
            .areas
            .iter()
            .flat_map(|area| area.schemas.iter().map(|named| (area.file.as_str(), named)));
        let schemas: Vec<_> = shared.chain(own).collect();
        for (file, named) in &schemas {
            all.declare(file, named, refusals);
        }
        // Unions look at the shapes of their members, so they come last.
        let (unions, others): (Vec<_>, Vec<_>) = schemas
            .iter()
            .map(|(_, named)| named)
            .partition(|named| matches!(named.schema.kind, Kind::Union(..)));
        for named in others.into_iter().chain(unions) {
            if let Some(shape) = refusals.keep(all.shape(named))
                && let Some(entry) = all.0.get_mut(&named.name)
            {
                entry.definition.shape = shape;
            }
        }
        all
    }

    pub(super) fn into_map(self) -> BTreeMap<String, Entry> {
        self.0
    }

    /// Makes room for a schema, so that references to it are resolved wherever they stand.
    fn declare(&mut self, file: &str, named: &Named, refusals: &mut Refusals) {
        if named.name.to_pascal_case() != named.name {
            let mend = format!("write `{}`", named.name.to_pascal_case());
            refusals.add(named.spot.refuse(format!("the schema `{}` is not PascalCase", named.name), mend));
        }
        if let Some(earlier) = self.0.get(&named.name) {
            refusals.add(named.spot.refuse(
                format!("`{}` stands twice (first at {})", named.name, earlier.spot),
                "rename one of them, or share it",
            ));
        }
        let Some(description) = &named.schema.description else {
            refusals.add(named.spot.refuse(format!("`{}` has no description", named.name), "say what it is"));
            return;
        };
        let definition = Definition {
            name: named.name.clone(),
            description: description.clone(),
            deprecated: named.schema.deprecated,
            sent: false,
            received: false,
            request: false,
            secret: false,
            examples: named.schema.examples.iter().map(|(example, _)| example.clone()).collect(),
            shape: Shape::Alias { of: Type::Any },
            page: None,
        };
        let order = self.0.len();
        let entry = Entry { file: file.to_owned(), order, spot: named.spot.clone(), definition };
        self.0.insert(named.name.clone(), entry);
    }

    fn shape(&self, named: &Named) -> Result<Shape, Refusal> {
        let schema = &named.schema;
        Ok(match &schema.kind {
            Kind::Object(properties, additional)
                if !properties.is_empty() && !matches!(additional, Additional::Values(_)) =>
            {
                self.object(properties, additional)?
            }
            Kind::Text(text) if !text.values.is_empty() => {
                check_values(&text.values, &schema.spot)?;
                Shape::OpenEnum { values: text.values.clone() }
            }
            Kind::Union(Some(told), members) => {
                let mut named_members = Vec::new();
                for member in members {
                    named_members.push(self.member(&named.name, *told, member)?);
                }
                for (index, member) in named_members.iter().enumerate() {
                    if named_members[..index].iter().any(|earlier| earlier.name == member.name) {
                        return Err(members[index].spot.refuse(
                            format!("two members of `{}` would be named `{}`", named.name, member.name),
                            "name one of the schemas otherwise",
                        ));
                    }
                }
                Shape::Union { told: *told, members: named_members }
            }
            _ => Shape::Alias { of: self.ty(schema)? },
        })
    }

    fn object(&self, properties: &[Property], additional: &Additional) -> Result<Shape, Refusal> {
        let (mut fields, mut constants) = (Vec::new(), Vec::new());
        for property in properties {
            match &property.schema.kind {
                Kind::Constant(value) => constants.push((property.wire.clone(), value.clone())),
                _ if property.credential => {}
                _ => fields.push(self.field(&property.wire, property.required, &property.schema)?),
            }
        }
        let closed = matches!(additional, Additional::Closed);
        Ok(Shape::Object { fields, constants, closed, kept: matches!(additional, Additional::Kept) })
    }

    fn field(&self, wire: &str, required: bool, schema: &Schema) -> Result<Field, Refusal> {
        let name = schema.name.clone().unwrap_or_else(|| wire.to_owned());
        if name.to_snake_case() != name || !name.starts_with(|first: char| first.is_ascii_lowercase()) {
            return Err(schema.spot.refuse(
                format!("`{name}` is no name in code"),
                format!("add `x-name`, for example `{}`", name.to_snake_case()),
            ));
        }
        let ty = self.ty(schema)?;
        let inherited =
            || ty.named().and_then(|name| self.0.get(name)).map(|entry| entry.definition.description.clone());
        let description = schema.description.clone().or_else(inherited);
        Ok(Field {
            wire: wire.to_owned(),
            name,
            required,
            description: description.ok_or_else(|| {
                schema.spot.refuse(format!("`{wire}` has no description"), "say what it holds")
            })?,
            deprecated: schema.deprecated,
            default: schema.default.clone(),
            example: schema.examples.first().map(|(example, _)| example.clone()),
            ty,
        })
    }

    fn member(&self, union: &str, told: Told, schema: &Schema) -> Result<Member, Refusal> {
        let ty = self.ty(schema)?;
        let (mut fields, mut constants) = (Vec::new(), Vec::new());
        let mut description = schema.description.clone();
        if let Kind::Reference(reference) = &schema.kind {
            let entry = self.entry(reference)?;
            description = description.or_else(|| Some(entry.definition.description.clone()));
        }
        if told != Told::Type {
            let shape = ty.as_name().and_then(|name| self.0.get(name)).map(|entry| &entry.definition.shape);
            let Some(Shape::Object { fields: all, constants: fixed, .. }) = shape else {
                return Err(schema.spot.refuse(
                    format!("a member of `{union}` that is no object"),
                    "refer to an object, or use `x-union: type`",
                ));
            };
            fields = all.iter().filter(|field| field.required).map(|field| field.wire.clone()).collect();
            constants.clone_from(fixed);
            if told == Told::Fields && fields.is_empty() || told == Told::Const && constants.is_empty() {
                return Err(schema.spot.refuse(
                    format!("nothing tells this member of `{union}` from the others"),
                    "give it a required property, or a property with `const`",
                ));
            }
        }
        Ok(Member {
            name: member_name(union, &ty),
            description: description
                .ok_or_else(|| schema.spot.refuse("a member without a description", "say what it is"))?,
            ty,
            fields,
            constants,
        })
    }

    fn ty(&self, schema: &Schema) -> Result<Type, Refusal> {
        let ty = match &schema.kind {
            Kind::Any => Type::Any,
            Kind::Reference(reference) => {
                Type::Named { name: self.entry(reference)?.definition.name.clone() }
            }
            Kind::Text(text) => {
                Type::Text { min: text.min, max: text.max, format: text.format, secret: text.secret }
            }
            Kind::Integer(min, max) => Type::Integer { min: *min, max: *max },
            Kind::Number => Type::Number,
            Kind::Boolean => Type::Boolean,
            Kind::List(item, min, max) => Type::List { item: Box::new(self.ty(item)?), min: *min, max: *max },
            Kind::Object(_, Additional::Values(value)) => Type::Map { value: Box::new(self.ty(value)?) },
            Kind::Object(..) => Type::Map { value: Box::new(Type::Any) },
            Kind::Constant(value) => Type::Constant { value: value.clone() },
            Kind::Union(..) => {
                return Err(schema.spot.refuse("a union without a name", "name it and refer to it"));
            }
        };
        Ok(if schema.nullable && ty != Type::Any { Type::Nullable { of: Box::new(ty) } } else { ty })
    }

    fn entry(&self, reference: &Reference) -> Result<&Entry, Refusal> {
        self.0.get(&reference.name).filter(|entry| entry.file == reference.file).ok_or_else(|| {
            reference.spot.refuse(
                format!("there is no schema `{}` in {}", reference.name, reference.file),
                "describe it there, or mend the reference",
            )
        })
    }

    /// The argument that a parameter is.
    pub(super) fn parameter(&self, parameter: &Parameter) -> Result<Field, Refusal> {
        self.field(&parameter.wire, parameter.required, &parameter.schema)
    }

    /// The type of a request body.
    pub(super) fn request(&mut self, body: &Schema) -> Result<&Definition, Refusal> {
        let name = self.reference(body)?;
        let entry =
            self.0.get_mut(&name).filter(|entry| matches!(entry.definition.shape, Shape::Object { .. }));
        let entry =
            entry.ok_or_else(|| body.spot.refuse(format!("the request `{name}` is no object"), "use one"))?;
        if entry.definition.examples.is_empty() {
            return Err(entry
                .spot
                .refuse(format!("the request `{name}` has no example"), "add one to `examples`"));
        }
        entry.definition.request = true;
        Ok(&entry.definition)
    }

    /// The name of the type of a reply.
    pub(super) fn reply(&self, body: &Schema) -> Result<String, Refusal> {
        let name = self.reference(body)?;
        match self.0.get(&name) {
            Some(entry) if entry.definition.examples.is_empty() => {
                Err(entry.spot.refuse(format!("the reply `{name}` has no example"), "add one to `examples`"))
            }
            _ => Ok(name),
        }
    }

    /// The named type.
    pub(super) fn get(&self, name: &str) -> Option<&Definition> {
        self.0.get(name).map(|entry| &entry.definition)
    }

    fn reference(&self, body: &Schema) -> Result<String, Refusal> {
        match &body.kind {
            Kind::Reference(reference) if !body.nullable => {
                Ok(self.entry(reference)?.definition.name.clone())
            }
            _ => Err(body.spot.refuse("a body that is no reference", "name it and refer to it")),
        }
    }

    /// Makes a type for the query of an operation.
    pub(super) fn synthesize(
        &mut self,
        words: &str,
        file: &str,
        operation: &Operation,
        mut fields: Vec<Field>,
    ) -> Result<&Definition, Refusal> {
        let name = words.to_pascal_case();
        if let Some(other) = self.0.get(&name) {
            let what = format!("`{name}` is the type of the arguments of `{}`", operation.name);
            return Err(other.spot.refuse(what, "rename the schema"));
        }
        fields.sort_by_key(|field| !field.required);
        let mut example = Map::new();
        for field in &fields {
            if let Some(value) = self.example(field).filter(|_| field.required || field.example.is_some()) {
                example.insert(field.wire.clone(), value);
            } else if field.required {
                let what = format!("the required parameter `{}` has no example", field.wire);
                return Err(operation.spot.refuse(what, "add one to `examples` of its schema"));
            }
        }
        let definition = Definition {
            name: name.clone(),
            description: format!("The arguments of `{}`.", operation.name),
            deprecated: false,
            sent: false,
            received: false,
            request: true,
            secret: false,
            examples: vec![Json::Object(example)],
            shape: Shape::Object { fields, constants: Vec::new(), closed: true, kept: false },
            page: None,
        };
        let entry = Entry { file: file.to_owned(), order: 0, spot: operation.spot.clone(), definition };
        Ok(&self.0.entry(name).or_insert(entry).definition)
    }

    /// A value for a field: its own example, or one of its type.
    fn example(&self, field: &Field) -> Option<Json> {
        let of_type = || {
            let definition = self.get(field.ty.as_name()?)?;
            match &definition.shape {
                Shape::OpenEnum { values } => values.first().map(|value| Json::from(value.as_str())),
                _ => definition.examples.first().cloned(),
            }
        };
        field.example.clone().or_else(of_type)
    }

    /// Notes that a type is a page, and where its items are.
    pub(super) fn mark_page(&mut self, name: &str, paging: &Paging) -> Result<(), Refusal> {
        let (items, ty) = self.walk(name, &paging.items, &paging.spot)?;
        let Type::List { item, .. } = ty.bare() else {
            return Err(paging.spot.refuse("`items` that are no list", "name the path to the list"));
        };
        let page = Page { items, item: (**item).clone() };
        self.walk(name, &paging.pages, &paging.spot)?;
        if let Some(entry) = self.0.get_mut(name) {
            entry.definition.page = Some(page);
        }
        Ok(())
    }

    /// Follows a path of properties.
    fn walk(&self, name: &str, path: &[String], spot: &Spot) -> Result<(Vec<Step>, Type), Refusal> {
        let mut at = Type::Named { name: name.to_owned() };
        let mut steps = Vec::new();
        for wire in path {
            let shape =
                at.bare().as_name().and_then(|name| self.0.get(name)).map(|entry| &entry.definition.shape);
            let Some(Shape::Object { fields, .. }) = shape else {
                return Err(spot.refuse(
                    format!("`{wire}` is looked for in something without properties"),
                    "mend the path",
                ));
            };
            let Some(field) = fields.iter().find(|field| field.wire == *wire) else {
                return Err(
                    spot.refuse(format!("there is no property `{wire}` on this path"), "mend the path")
                );
            };
            let optional = !field.required || matches!(field.ty, Type::Nullable { .. });
            steps.push(Step { name: field.name.clone(), optional });
            at = field.ty.clone();
        }
        Ok((steps, at))
    }
}

/// Sees to it that every value makes a name, and that the catch-all keeps its own.
fn check_values(values: &[String], spot: &Spot) -> Result<(), Refusal> {
    let names: Vec<String> = values.iter().map(|value| value.to_pascal_case()).collect();
    for (index, name) in names.iter().enumerate() {
        if name.is_empty() || name == "Other" || names[..index].contains(name) {
            return Err(spot.refuse(
                format!("the value `{}` makes no name of its own in code", values[index]),
                "leave it out, or make it a plain string and say the values in the description",
            ));
        }
    }
    Ok(())
}

/// Names a member after its type, its value, or what its name has beyond the union's.
fn member_name(union: &str, ty: &Type) -> String {
    match ty {
        Type::Named { name } => {
            let own = name.to_snake_case();
            let union = union.to_snake_case();
            let shared: Vec<&str> = union.split('_').collect();
            let rest: Vec<&str> = own.split('_').filter(|word| !shared.contains(word)).collect();
            if rest.is_empty() { own } else { rest.join("_") }
        }
        Type::Constant { value } => {
            value.as_str().map_or_else(|| value.to_string(), ToSnakeCase::to_snake_case)
        }
        Type::Text { format: Format::Date, .. } => "date".into(),
        Type::Text { format: Format::Time, .. } => "time".into(),
        Type::Text { .. } => "text".into(),
        Type::Integer { .. } => "integer".into(),
        Type::Number => "number".into(),
        Type::Boolean => "boolean".into(),
        Type::List { .. } => "list".into(),
        Type::Map { .. } => "map".into(),
        Type::Nullable { of } => member_name(union, of),
        Type::Any => "any".into(),
    }
}
