// What both doors have, under this module's name.
@_exported import OrgconnectCore
